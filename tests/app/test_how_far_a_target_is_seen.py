"""From a target's status to how far it can be judged: what the watch and the heartbeat go by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.app.noticing import severities, sight_of
from watchdog.model.drifts import Subject, UnknownSubject
from watchdog.notify.watch import Sight
from watchdog.panels import discover
from watchdog.reconciler.status import TargetStatus

BEGAN, NOW = 1000.0, 10_000.0
ONE, TWO = Subject("instance", "1", "lobby"), Subject("instance", "2", "arena")
FRESH = TargetStatus("mcsmanager", "games", up=True, last_judged_at=NOW - 15, last_result="judged")


@pytest.mark.parametrize(
    ("status", "interval", "sight"),
    [
        pytest.param(FRESH, 15.0, Sight("games", None), id="judged just now"),
        pytest.param(
            replace(FRESH, unknown_since={ONE: 9000.0, TWO: 8000.0}, unknown=(UnknownSubject(TWO, "blind", "no permission"),)),
            15.0, Sight("games", 8000.0, 2, "no permission"), id="two subjects unknown",
        ),
        pytest.param(
            replace(FRESH, up=False, last_judged_at=5000.0, message="refused", last_result="blind"),
            15.0, Sight("games", 5000.0, 0, "refused"), id="the panel is down for long",
        ),
        pytest.param(replace(FRESH, up=False, last_judged_at=NOW - 100), 15.0, Sight("games", None), id="down for a moment"),
        pytest.param(
            replace(FRESH, last_judged_at=5000.0), 15.0, Sight("games", 5000.0, 0, "no pass over it has ended for long"), id="a pass hangs"
        ),
        pytest.param(replace(FRESH, last_judged_at=NOW - 5000), 3600.0, Sight("games", None), id="looks are rare by configuration"),
        pytest.param(
            replace(FRESH, up=False, last_judged_at=None, message="refused"), 15.0, Sight("games", BEGAN, 0, "refused"), id="never judged"
        ),
    ],
)  # fmt: skip
def test_how_far(status: TargetStatus, interval: float, sight: Sight) -> None:
    assert sight_of(status, interval, BEGAN, NOW) == sight


def test_each_kind_of_each_panel_has_its_severity() -> None:
    assert severities() == {(name, kind.name): kind.severity for name, panel in discover().items() for kind in panel.kinds}
    assert len(severities()) > 20
