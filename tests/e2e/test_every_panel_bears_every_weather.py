"""Issue 7, shown by 2: every fault of the wire x every panel that speaks HTTP, through the real target, ledger and reconciler.

One column is one panel behind its weather. For each fault: the panel is known, then the weather hits every exchange for two intervals
while the world changes, then it clears. No pass may crash, no drift may open or close on what nobody could see, nothing may be sent, and
one interval after the end the view is fresh and the drifts are the true ones.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.weather import Fault, every
from tests.support.weather_columns import COLUMNS, column
from tests.support.weather_faults import FAULTS, HUGE
from tests.support.weather_sky import Column

pytestmark = pytest.mark.timeout(600)

MOST_PASSES = 40
SLACK = 4 << 20
TOO_BUSY = re.compile("DeadlinePassed|did not finish within|did not answer within")


def settle(sky: Column, kinds: set[str], what: str) -> int:
    """Pass until the panel was judged and exactly these kinds are open; return the passes it took."""
    for number in range(1, MOST_PASSES + 1):
        status = sky.a_pass()
        if status.last_result == "judged" and sky.kinds() == kinds and seen(status):
            return number
    raise AssertionError(f"{sky.name}, {what}: {sky.kinds()} instead of {kinds}: {status.last_result} {status.message} {status.unknown}")


def seen(status: Any) -> bool:
    """Whether the newest pass could see the panel."""
    return status.up is True and "unknown" not in status.subjects.values()


def recover(sky: Column, what: str) -> None:
    """One interval after the end the view is fresh. Only a machine too busy for an exchange of seconds gets another one."""
    began = sky.bench.clock.now().mono
    until = time.monotonic() + 120
    status = sky.a_pass()
    while TOO_BUSY.search(told(sky)) and time.monotonic() < until:
        status = sky.a_pass()
    assert status.last_result == "judged", f"{sky.name}, after {what}: {status.error}: {status.message}"
    assert status.look.began.mono > began, f"{sky.name}, after {what}: an old view"
    assert seen(status), f"{sky.name}, after {what}: {status.unknown}"


def dark(sky: Column, status: Any, what: str) -> None:
    """Nothing is claimed to be well that could not be seen."""
    said = f"{sky.name}, {what}: {status.last_result} {status.error} {status.subjects}"
    if sky.partial:
        assert not seen(status), said
    else:
        assert (status.last_result, status.up) == ("blind", False), said
        assert status.error, said
        assert set(status.subjects.values()) <= {"unknown"}, said


def told(sky: Column) -> str:
    """Return everything that the program says of it."""
    status = sky.status
    view = status.look.view if status.look else None
    return f"{status.error} {status.message} {status.unknown} {status.conditions} {status.plan} {view!r}"


def bear(sky: Column, fault: Fault, caplog: Any) -> str:
    """Live through one fault; return how it was called."""
    what = fault.name
    settle(sky, set(), f"before {what}")
    sky.strike()
    settle(sky, {sky.kind}, f"struck before {what}")
    before, acted = sky.episodes(), sky.acted()
    sky.weather.turns(fault, every)
    status = sky.a_pass(sky.stale)
    words = status.error or "partial"
    dark(sky, status, what)
    sky.mend()
    acted = (sky.acts(), acted[1])
    if not fault.slow:
        dark(sky, sky.a_pass(), what)
    assert sky.weather.hit or fault.name == "refused", f"{sky.name}: no exchange met {what}"
    assert sky.episodes() == before, f"{sky.name}, {what}: drifts opened or closed in the dark"
    assert sky.acted() == acted, f"{sky.name}, {what}: something was sent by what nobody saw"
    if fault is HUGE:
        each = sky.weather.poured / len(sky.weather.hit)
        assert each <= sky.limit + SLACK, f"{sky.name}: read {each:.0f} bytes"
    text = told(sky) + caplog.text
    assert not [secret for secret in sky.secrets if secret in text], f"{sky.name}, {what}: a secret was told"
    sky.weather.clears()
    recover(sky, what)
    settle(sky, set(), f"after {what}")
    assert sky.acted() == acted, f"{sky.name}, after {what}: something was sent"
    return words


@pytest.mark.parametrize("name", COLUMNS)
def test_a_panel_bears_every_weather(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], caplog: Any) -> None:
    lines = []
    with column(name, tmp_path) as sky:
        for fault in FAULTS:
            if fault.name in sky.valid or (fault.tls and not sky.weather.url.startswith("https")):
                continue
            began = time.monotonic()
            word = bear(sky, fault, caplog)
            lines.append(f"  {name:<14} {fault.name:<32} {word:<16} {time.monotonic() - began:5.1f} s")
    with capsys.disabled():
        print(f"\nweather before {name}:", *lines, sep="\n")
