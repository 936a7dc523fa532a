"""A target's own loops: supervised like every other, ended with their world, begun anew by a reload; and their door to holdings."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

import pytest

from tests.support.small_world import add_target, program_in, rewrite, samples, scrape, small_world, wait_until, wrapped
from watchdog.errors import LedgerUnavailable
from watchdog.model.drifts import ObjectKey
from watchdog.model.holdings import Tend
from watchdog.runtime.clock import SystemClock
from watchdog.web.control import find

WHAT = "a knot in its string"
pytestmark = pytest.mark.timeout(600)


class Tended:
    """A target with loops: ``rounds`` says how often each ran; ``mood`` what the next round of "knots" does."""

    def __init__(self, target, ports):
        self._target, self._ports = target, ports
        self.rounds = {"knots": 0, "counts": 0}
        self.mood = "well"
        self.closed = False
        self.late = []

    def __getattr__(self, name):
        return getattr(self._target, name)

    def tends(self):
        return (Tend("knots", self._knots, 0.2, deadline=1.0), Tend("counts", self._counts, 0.2))

    def _counts(self):
        self._count("counts")
        return 0.05

    def _knots(self):
        self._count("knots")
        if self.mood == "dies":
            raise OSError("the string broke")
        if self.mood == "hangs":
            self.mood = "hung"
            threading.Event().wait(3.0)
        with suppress(LedgerUnavailable):  # it is closed when the program ends, whoever is in the middle of a round
            if not self._ports.holdings.held():
                self._ports.holdings.hold(WHAT, ObjectKey("mcsmanager", self.name, "string", "s"), "untie", {"knot": "bow"})
        return 0.05

    def _count(self, name):
        self.rounds[name] += 1
        if self.closed:
            self.late.append(name)

    def undo(self, holding):
        return f"{holding.what} is untied"

    def close(self):
        self.closed = True
        self._target.close()


@pytest.fixture
def made(monkeypatch):
    return wrapped(monkeypatch, Tended)


@pytest.fixture
def program(made):
    with small_world() as world, program_in(world) as running:
        running.made, running.files = made, world
        yield running


def grows(target, name, by=3):
    before = target.rounds[name]
    wait_until(lambda: target.rounds[name] >= before + by, f"{by} more rounds of {name}")


def test_they_run_beside_the_passes_each_in_a_loop_of_its_own_name(program):
    (target,) = program.made
    grows(target, "knots")
    grows(target, "counts")
    assert {"tend:games:knots", "tend:games:counts"} <= set(program.world.supervisor.names)
    assert samples(scrape(program)[1])['watchdog_loop_crashes_total{loop="tend:games:knots"}'] == 0


# a dying loop is what this is about
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_that_dies_or_hangs_is_renewed_and_disturbs_nobody(program):
    (target,) = program.made
    target.mood = "dies"
    wait_until(lambda: samples(scrape(program)[1])['watchdog_loop_crashes_total{loop="tend:games:knots"}'] >= 1, "a counted crash")
    grows(target, "counts")
    target.mood = "hangs"
    wait_until(lambda: samples(scrape(program)[1])['watchdog_loop_abandoned_total{loop="tend:games:knots"}'] >= 1, "an abandoned round")
    grows(target, "knots")
    grows(target, "counts")
    assert program.health().ok


def test_a_reload_ends_the_old_ones_before_their_target_is_closed_and_begins_new_ones(program):
    (old,) = program.made
    grows(old, "knots")
    rewrite(program.files.config, add_target("again"))
    program.reload()
    new = program.made[1:]
    assert [each.name for each in new] == ["games", "again"]
    assert old.closed
    for each in new:
        grows(each, "counts")
    assert old.late == []
    assert {"tend:games:counts", "tend:again:counts"} <= set(program.world.supervisor.names)


def test_what_they_hold_is_listed_and_released_by_its_target(program):
    wait_until(program.commands.holdings, "a holding")
    (held,) = program.commands.holdings()
    assert (held.target, held.what) == ("games", WHAT)
    control = find(program.files.folder / "control.sock", SystemClock())
    (shown,) = control.holdings()
    assert (shown.id, shown.object.kind, shown.undo, shown.parameters) == (held.id, "string", "untie", {"knot": "bow"})
    ended = control.release(held.id)
    assert (ended.undone, ended.message) == (True, f"{WHAT} is untied")
    assert held.id not in {each.id for each in program.commands.holdings()}


def test_they_end_with_the_program(made):
    with small_world() as world, program_in(world):
        (target,) = made
        grows(target, "counts")
    rounds = dict(target.rounds)
    time.sleep(0.5)
    assert target.rounds == rounds
    assert target.late == []
