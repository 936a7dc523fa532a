"""The pause machine against a simple reference, over any order of what people, the server and we ourselves may do (Shown by 3).

The rulings, the notes and the witness are the real ones; the server is the fake's state machine without its HTTP. The reference says one
thing: an order that stands and that nobody resumed keeps the server really paused; without one nothing of ours does.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.duplicati_stage import TARGET
from watchdog.model.approvals import Holding
from watchdog.model.pauses import Pause, StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.model.snapshots import Actual
from watchdog.panels.duplicati import releases, rules_pause, witness
from watchdog.panels.duplicati.cases import Case
from watchdog.panels.duplicati.fake import RELEASES, DuplicatiWorld
from watchdog.panels.duplicati.fake.stamps import wall_of
from watchdog.panels.duplicati.leases import Posted, lease_of, orders_of
from watchdog.panels.duplicati.notes import Notes
from watchdog.panels.duplicati.remedies import server_object
from watchdog.panels.duplicati.ruling import rule as ruled
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.states import ServerState
from watchdog.panels.duplicati.traces import NOTHING
from watchdog.panels.duplicati.view import DuplicatiView
from watchdog.runtime.clock import SimulatedClock

HOUR = 3600.0
OWN = DuplicatiSettings(name=TARGET, url="http://127.0.0.1:8200", password_file="/run/password")


class PauseMachine(RuleBasedStateMachine):
    """What we do is done as the remedies do it: the record first, then the order, then a reading."""

    release = "2.3.0.4"

    def __init__(self):
        super().__init__()
        self.clock = SimulatedClock(1_767_571_200.0, 100_000.0)
        self.folder = tempfile.TemporaryDirectory()
        self.world = DuplicatiWorld(self.clock, Path(self.folder.name), self.release)
        self.world.boot()
        self.can = releases.capabilities(self.release, releases.Signs())
        self.pulse, self.posted, self.held, self.memory = witness.Pulse(), None, None, {}
        self.connection, self.numbers, self.resumes = 1, 0, 0
        # the reference
        self.standing: dict[int, float | None] = {}
        self.respected: set[int] = set()
        self.theirs: float | None = 0.0  # until when somebody else's pause stands; None = for ever
        self.look()

    def teardown(self):
        self.folder.cleanup()

    # -- our side

    def state(self):
        memory = self.world.catch_up()
        end = None if not memory.end_ticks else wall_of(memory.end_ticks)
        count = memory.counters
        return ServerState(
            self.clock.now(), memory.paused, end if memory.paused else None, None, (), {}, count.events, count.changes, count.notices,
            connection=self.connection,
        )  # fmt: skip

    def read(self):
        state = self.state()
        self.pulse = witness.heard(self.pulse, state)
        return state

    def facts(self):
        now = self.clock.now()
        self.standing = {key: end for key, end in self.standing.items() if end is None or end > now.mono}
        pauses = tuple(
            StandingPause(
                Pause(key, TARGET, "", "person", "r", "me", 0.0, None, None, "", None, 0), None if end is None else end - now.mono
            )
            for key, end in self.standing.items()
        )
        return LedgerFacts(self.memory, holdings=(self.held,) if self.held else (), pauses=pauses)

    def look(self):
        """Look, and do what is ruled, until nothing more is to be done; return in how many seconds to look again."""
        for _ in range(4):
            state = self.read()
            view = DuplicatiView(self.clock.now(), self.release, self.can, state=state, pulse=self.pulse, clock_skew=0.0)
            facts = self.facts()
            scene = rules_pause.scene_of(OWN, view, facts, self.posted, self.clock.now())
            ruling = ruled(scene)
            case = Case(OWN, Actual(), view, NOTHING, facts, Notes(facts.memory), self.clock.now(), self.posted)
            part = rules_pause.judge(case)
            assert {each.kind for each in part.drifts} - {"run_under_pause"} == ({ruling.kind} if ruling.kind else set())
            self.memory = case.notes.after
            if ruling.kind == "pause_resumed_by_person":
                self.respected |= set(self.standing)
            if ruling.send is None:
                return ruling.again
            self.carry_out(ruling)
            self.clock.advance(0.2)
        raise AssertionError(f"it never comes to rest: {ruling}")

    def carry_out(self, ruling):
        if ruling.send == "resume":
            if ruling.kind == "pause_outlived":
                self.resumes += 1
                self.pulse = witness.sent(self.pulse, self.clock.now())
                self.world.resume()
                self.read()
            self.held = None
            return
        respected = frozenset(f"{key}.0" for key in self.respected)
        orders = orders_of(self.facts().pauses, respected)
        seconds = lease_of(orders.left, OWN.lease)
        assert seconds is not None and 1 <= seconds <= 43_200
        at, life = self.clock.now(), self.pulse.restarts
        self.held = Holding(1, TARGET, "pause", server_object(TARGET), "resume", {}, at.wall, at.wall + seconds)
        self.world.pause(f"{seconds}s")
        state = self.read()
        self.posted = Posted(orders.names, life, at, state.at, seconds, state.pause_end)
        self.theirs = 0.0

    def pass_by(self, seconds):
        """Let time pass, looking whenever it is due."""
        until = self.clock.now().mono + seconds
        while (left := until - self.clock.now().mono) > 0:
            again = self.look()
            self.clock.advance(min(left, 900.0, max(again or 900.0, 0.5)))
        self.look()

    # -- what may happen

    @precondition(lambda self: len(self.standing) < 2)
    @rule(length=st.sampled_from([3.0, 100.0, 5 * HOUR, 20 * HOUR, 30 * HOUR, None]))
    def somebody_orders_a_pause(self, length):
        self.numbers += 1
        self.standing[self.numbers] = None if length is None else self.clock.now().mono + length
        self.look()

    @precondition(lambda self: self.standing)
    @rule()
    def somebody_ends_the_oldest_order(self):
        self.standing.pop(min(self.standing))
        self.look()

    @rule(seconds=st.sampled_from([0.5, 2.0, 60.0, HOUR, 7 * HOUR, 26 * HOUR]))
    def time_passes(self, seconds):
        self.pass_by(seconds)

    @rule(grown=st.booleans(), down=st.sampled_from([0.0, 3.0, 2 * HOUR]))
    def the_server_restarts(self, grown, down):
        self.look()
        self.world.down()
        self.connection += 1
        self.clock.advance(down)
        self.world.boot()
        if grown:
            self.world.memory.count(self.world.counters.__class__(500, 500, 500))
        if not self.world.release.persists:
            self.theirs = 0.0
        self.look()

    @precondition(lambda self: self.world.program == "Paused")
    @rule()
    def somebody_presses_resume(self):
        self.pass_by(1.0)
        if self.world.program != "Paused":
            return
        if any(end is not None and end - self.clock.now().mono < 3.0 for end in self.standing.values()):
            return  # in a lease's last moments its end and a person's Resume look the same
        ours = self.theirs == 0.0
        self.world.resume()
        self.theirs = 0.0
        if ours:
            self.respected |= {key for key, end in self.standing.items() if end is None or end - self.clock.now().mono >= 1.0}
        self.look()

    @precondition(lambda self: not self.respected & set(self.standing))
    @rule(duration=st.sampled_from(["", "9h"]))
    def somebody_presses_pause(self, duration):
        self.pass_by(1.0)
        before = self.theirs
        self.world.pause(duration)
        self.theirs = None if not duration else self.clock.now().wall + 9 * HOUR
        left = max([(end or float("inf")) - self.clock.now().mono for end in self.standing.values()], default=0.0)
        if duration and left + 5.0 > 9 * HOUR:
            self.theirs = before or 0.0  # shorter than ours: ours takes its place in time
            self.short = True
        self.look()

    @rule()
    def we_are_started_anew(self):
        self.pulse, self.posted = witness.Pulse(), None
        self.connection += 1
        self.look()

    # -- the reference

    @invariant()
    def an_order_that_stands_is_kept_and_one_that_is_over_is_not(self):
        now = self.clock.now()
        due = {key for key, end in self.standing.items() if end is None or end - now.mono >= 1.0}
        theirs = self.theirs is None or self.theirs > now.wall
        if due and not due <= self.respected:
            assert self.world.really_paused, "lost"
        elif due and not theirs and self.numbers == 1:
            assert self.world.program == "Running", "a person's Resume was undone"
        elif not self.standing and not theirs:
            memory = self.world.catch_up()
            ends_soon = memory.timer_at is not None and memory.timer_at - now.mono <= 1.7
            foreign = getattr(self, "short", False)
            assert self.world.program == "Running" or ends_soon or foreign, "outlived"
        elif theirs and not self.standing and self.can.obeys:
            assert self.world.program == "Paused", "somebody else's pause was ended"


def machine(release, examples):
    """The machine over one release, as a test."""
    made = type(f"Machine{release.replace('.', '')}", (PauseMachine,), {"release": release})
    case = made.TestCase
    case.settings = settings(
        max_examples=examples, stateful_step_count=14, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    return case


@pytest.mark.parametrize("examples", [30, pytest.param(3000, marks=[pytest.mark.soak, pytest.mark.timeout(7200)])])
@pytest.mark.parametrize("release", ["2.1.0.5", "2.2.0.1", "2.3.0.4"])
def test_the_machine_keeps_to_the_reference(release, examples):
    assert release in RELEASES
    machine(release, examples)("runTest").runTest()
