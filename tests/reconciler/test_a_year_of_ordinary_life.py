"""A simulated year of ordinary life: nobody is paged, and nothing is repaired, for nothing was broken.

The real rules, planner, ledger and the shipped alert rules (those over what the reconciler exports), in mode ``repair`` with every remedy
allowed. What a year brings each kind of host stands in ``tests/support/ordinary.py``; here a slice of it, under ``soak`` the whole.
"""

from __future__ import annotations

import pytest

from tests.support.houses import Boxes, Games
from tests.support.ledger import ledger_at
from tests.support.ordinary import BoxesLife, GamesLife
from tests.support.tunnels import Tunnels, TunnelsLife
from watchdog.runtime.clock import SimulatedClock

LIVES = {
    "mcsmanager": (GamesLife, lambda clock: Games(clock, 4)),
    "containers": (BoxesLife, lambda clock: Boxes(clock, 6)),
    "wgdashboard": (TunnelsLife, lambda clock: Tunnels(clock, 3)),
}


def lived(tmp_path, panel, share, seed):
    clock = SimulatedClock()
    ledger = ledger_at(tmp_path / "ledger.sqlite3", clock)
    try:
        kind, house = LIVES[panel]
        life = kind(ledger, clock, house(clock), seed)
        life.live(share)
        rules = len(life.pages.rules)
        print(f"\n{panel}: {sum(life.done.values())} deeds, {life.keeper.passes} passes, {rules} alert rules: 0 pages, 0 repairs")
        print(f"  {dict(life.done)}; confirmed, told to nobody and over by itself: {dict(life.opened) or 'nothing'}")
    finally:
        ledger.close()


@pytest.mark.parametrize("panel", LIVES)
def test_each_thing_that_is_ordinary_happens_twice_and_nobody_hears_of_it(tmp_path, panel):
    lived(tmp_path, panel, share=0.0, seed=3)


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("panel", LIVES)
def test_a_year_passes_and_nobody_hears_of_it(tmp_path, panel):
    lived(tmp_path, panel, share=1.0, seed=7)
