"""Issue 7, shown by 2, the other half: every fault on the request that acts x the remedies of the panels.

The rows are those of the crash table, with the weather between our life and the panel. The first request that acts meets the fault, and
from then on the sky is clear: whether it was carried out or not, there must be one effect, the right end, and a record of it. Nothing may
be sent twice because an answer was lost: what became of it is found out by looking.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.panels.containers import crash_rows as containers
from tests.panels.mcsmanager import crash_rows as mcsmanager
from tests.panels.pterodactyl import crash_rows as pterodactyl
from tests.panels.sysreptor import crash_rows as sysreptor
from tests.panels.wgdashboard import crash_rows as wgdashboard
from tests.support.crash import Row, one_life
from tests.support.ledger import ledger_at
from tests.support.weather import Fault, Weather, acting, first
from tests.support.weather_columns import rewrite
from tests.support.weather_faults import FAULTS, REFUSED
from watchdog.runtime.clock import SystemClock

pytestmark = pytest.mark.timeout(600)

FAULTY = [fault for fault in FAULTS if not fault.tls and fault is not REFUSED]
"""A connection that never came about is a reset before anything was sent."""
Stand = Callable[[Path], Weather]


def told(directory: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what the life is told of the outside."""
    file = directory / "told"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def before_the_url(directory: Path) -> Weather:
    """Stand between the life and its panel's address."""
    weather = Weather()

    def change(content: dict[str, Any]) -> None:
        weather.upstream = content["url"]
        content.update(url=weather.url, timeout="6100ms")

    told(directory, change)
    return weather


def before_the_socket(directory: Path) -> Weather:
    """Stand between the life and the engine: its socket gets another name, and the weather the one that the life knows."""
    (directory / "docker.sock").rename(directory / "real.sock")
    return Weather(f"unix://{directory / 'real.sock'}", unix=directory / "docker.sock")


def before_both_doors(directory: Path) -> Weather:
    """Stand before Pterodactyl's own API and before what the node's token opens: completions go there."""
    made = pterodactyl.OUTSIDES[directory]
    weather = Weather(made.panel.url)
    rewrite(made.wings.config, remote=weather.url)
    told(directory, lambda content: content["settings"].update(url=weather.url, timeout="6s", wings_timeout="6s"))
    return weather


def named(rows: tuple[Row, ...], *names: str) -> list[Row]:
    return [row for row in rows if row.name in names]


DEEDS: list[tuple[Row, Stand]] = [
    *((row, before_the_url) for row in named(mcsmanager.ROWS, "open_instance", "relink_daemon", "stop_container_then_open")),
    *((row, before_the_socket) for row in named(mcsmanager.ROWS, "stop_container_then_open", "remove_leftover")),
    *((row, before_the_socket) for row in containers.ROWS),
    *((row, before_the_url) for row in named(sysreptor.ROWS, "run_backup by api")),
    *((row, before_the_socket) for row in named(sysreptor.ROWS, "run_backup by exec")),
    *((row, before_the_url) for row in named(wgdashboard.ROWS, "reread")),
    *((row, before_both_doors) for row in pterodactyl.ROWS),
]


def cases() -> Iterator[Any]:
    for row, stand in DEEDS:
        for fault in FAULTY:
            name = f"{row.name} {stand.__name__} {fault.name}".replace("_", " ")
            yield pytest.param(row, stand, fault, id=name)


def live(row: Row, stand: Stand, directory: Path, fault: Fault | None) -> tuple[list[Any], list[Any], Weather]:
    """Live through one remedy to rest; return the effects outside, the ends of all repairs, and the weather as it was."""
    directory.mkdir()
    with row.outside(directory), stand(directory) as weather:
        if fault is not None:
            weather.turns(fault, first(acting))
        assert one_life(row.rig, directory, None) == 0
        row.check(directory)
        effects = sorted(each for each in row.effects(directory) if each not in row.tolerated)
    ledger = ledger_at(directory / "ledger.sqlite3", SystemClock())
    try:
        return effects, list(reversed(ledger.repairs())), weather
    finally:
        ledger.close()


@cache
def expected(number: int) -> tuple[Any, ...]:
    """Return the effects of a remedy under a clear sky."""
    row, stand = DEEDS[number]
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:
        return tuple(live(row, stand, Path(folder) / "clear", None)[0])


@pytest.mark.soak
@pytest.mark.parametrize(("row", "stand", "fault"), list(cases()))
def test_a_request_that_acts_has_one_effect_in_every_weather(row: Row, stand: Stand, fault: Fault, capsys: Any) -> None:
    wanted = expected(DEEDS.index((row, stand)))
    with tempfile.TemporaryDirectory(prefix="sky-") as folder:  # short: the path of a unix socket has at most 107 bytes
        effects, repairs, weather = live(row, stand, Path(folder) / "sky", fault)
    said = [(each.remedy, each.state.value, each.outcome and each.outcome.message) for each in repairs]
    assert weather.hit, f"nothing that acts was sent: {said}"
    assert tuple(effects) == wanted, said
    assert repairs[-1].state.value == "verified", said
    assert not [each for each in said if "unexpected" in str(each[2])], said
    with capsys.disabled():
        print(f"\n  {row.name:<26} {stand.__name__:<18} {fault.name:<26} {','.join(each[1] for each in said):<22} effects={len(effects)}")
