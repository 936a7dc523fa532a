"""Real threads and the real clock: a hung panel, a hung repair, an ending program. The others go on."""

from __future__ import annotations

import functools
import threading
import time
from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from tests.support.panel import KINDS, REMEDIES, ToyPanel, ToyTarget, ToyWorld
from watchdog import errors
from watchdog.model.drifts import Confirm
from watchdog.model.metrics import Silent
from watchdog.model.repairs import Settle
from watchdog.reconciler import guard as guard_room
from watchdog.reconciler import runner as runner_room
from watchdog.reconciler.look import MAX_HUNG, Looker
from watchdog.reconciler.policy import Backoff, Bounds, Timing
from watchdog.reconciler.runner import daemon_thread
from watchdog.runtime.clock import SystemClock
from watchdog.runtime.schedule import TickSchedule
from watchdog.runtime.supervision import Supervisor

HURRIED = ToyPanel(
    kinds=tuple(replace(kind, confirm=Confirm(2, 0.0)) for kind in KINDS),
    remedies=tuple(replace(remedy, settle=Settle(0.0, 30.0), cooldown=0.0, deadline=3.0) for remedy in REMEDIES),
)
QUICK = replace(
    REPAIR,
    timing=Timing(interval=0.2, spacing=0.01, look=1.0, lease_margin=3.0),
    bounds=Bounds(backoff=Backoff(first=0.1, cap=0.5)),
)


@pytest.fixture
def open_gate():
    """Ends every hang at the end of the test, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


def live(ledger, **more):
    return Bench(ledger, clock=SystemClock(), spawn=daemon_thread, policy=QUICK, panel=HURRIED, **more)


@pytest.fixture
def real_ledger(open_again):
    return open_again(SystemClock())


def turn(bench, done, seconds=90.0):
    """Let the loop and the tender live until ``done()``."""
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, (bench.states(), bench.status)
        bench.step()
        bench.runner.tend()
        time.sleep(0.02)


def test_a_repair_past_its_deadline_is_in_doubt_and_never_replaced_and_the_others_go_on(real_ledger, open_gate, monkeypatch):
    monkeypatch.setattr(runner_room, "GRACE", 0.2)
    bench = live(real_ledger)
    bench.target.repair_fault = lambda remedy: open_gate.wait() if remedy == "cycle" else None
    bench.world.add("stuck", believed="worn")
    bench.world.add("a", up=False)
    turn(bench, lambda: sorted(bench.states()) == ["in_doubt", "verified"])
    turn(bench, lambda: bench.held().get("stuck") == "in_doubt")
    assert bench.world.effects() == [("start", "a")]

    bench.world.set("a", up=False)
    turn(bench, lambda: bench.states().count("verified") == 2)
    assert bench.states().count("in_doubt") == 1
    assert len(bench.states()) == 3, "the stuck one was not tried again"
    (lease,) = real_ledger.leases()
    assert lease.object.endswith("thing/stuck"), "its object stays leased while its thread lives"
    longer_than_the_lease = time.monotonic() + 8.0
    turn(bench, lambda: time.monotonic() > longer_than_the_lease)
    assert real_ledger.lease(lease.object, "somebody", 1.0) is None

    open_gate.set()
    turn(bench, lambda: "in_doubt" not in bench.states())
    turn(bench, lambda: bench.world.effects("stuck") == [("stop", "stuck"), ("start", "stuck")])
    turn(bench, lambda: bench.states()[-1] == "verified")
    assert bench.count("watchdog_repairs_total", "toys", "toy", "cycle", "in_doubt") == 1


def test_what_comes_back_after_its_deadline_sends_nothing_more(real_ledger, open_gate, monkeypatch):
    monkeypatch.setattr(runner_room, "GRACE", 0.2)
    bench = live(real_ledger)
    bench.target.repair_fault = lambda remedy: open_gate.wait()
    bench.world.add("a", up=False)
    turn(bench, lambda: bench.states() == ["in_doubt"])
    bench.reconciler.policy = replace(QUICK, bounds=replace(QUICK.bounds, attempts=1))
    open_gate.set()
    turn(bench, lambda: bench.states() == ["later"])
    assert "DeadlinePassed" in real_ledger.repairs("toy")[0].message
    assert bench.world.effects() == []


def test_a_run_of_hours_lives_by_renewing_a_short_lease(real_ledger, open_gate, monkeypatch):
    monkeypatch.setattr(guard_room, "LONGEST_LEASE", 3.0)
    patient = replace(HURRIED, remedies=tuple(replace(remedy, deadline=7200.0) for remedy in HURRIED.remedies))
    bench = Bench(real_ledger, clock=SystemClock(), spawn=daemon_thread, policy=QUICK, panel=patient)
    bench.target.repair_fault = lambda remedy: open_gate.wait()
    bench.world.add("a", up=False)
    turn(bench, lambda: bench.states() == ["acting"])
    (lease,) = real_ledger.leases()
    assert real_ledger.remaining(lease) <= 3.0 + QUICK.timing.lease_margin
    longer_than_the_lease = time.monotonic() + 9.0
    turn(bench, lambda: time.monotonic() > longer_than_the_lease)
    assert real_ledger.remaining(lease) > 0 and bench.states() == ["acting"]
    assert real_ledger.lease(lease.object, "somebody", 1.0) is None
    open_gate.set()  # and now it asks for its fence
    turn(bench, lambda: bench.states() == ["verified"])
    assert bench.world.effects() == [("start", "a")]


def test_a_panel_that_never_answers_holds_nobody_and_is_asked_again(real_ledger, open_gate):
    bench = live(real_ledger)
    bench.reconciler.policy = QUICK
    bench.world.add("a", up=False)
    bench.target.view_fault = open_gate.wait
    before = threading.active_count()
    began = time.monotonic()
    while time.monotonic() - began < 6:
        bench.step()
    assert bench.status.up is False
    assert bench.status.error == "DeadlinePassed"
    assert threading.active_count() - before <= 3, "hung readings do not pile up"
    assert bench.world.effects() == []
    bench.target.view_fault = None
    open_gate.set()
    turn(bench, lambda: bench.states() == ["verified"])


def test_without_the_lease_nothing_is_sent(real_ledger, open_gate):
    bench = live(real_ledger)
    reached = threading.Event()

    def wait_for_thief(_remedy):
        reached.set()
        open_gate.wait(90)

    bench.target.repair_fault = wait_for_thief
    bench.world.add("a", up=False)
    turn(bench, reached.is_set)
    (lease,) = real_ledger.leases()
    real_ledger.release(lease)
    assert real_ledger.lease(lease.object, "thief", 60.0) is not None
    open_gate.set()
    turn(bench, lambda: bench.states() == ["later"])
    assert "LeaseLost" in real_ledger.repairs("toy")[0].message or "DeadlinePassed" in real_ledger.repairs("toy")[0].message
    assert bench.world.effects() == []


def test_an_ending_program_interrupts_a_waiting_repair_and_its_next_life_looks_again(real_ledger):
    patient = replace(HURRIED, remedies=tuple(replace(remedy, deadline=60.0) for remedy in HURRIED.remedies))
    bench = Bench(real_ledger, clock=SystemClock(), spawn=daemon_thread, policy=QUICK, panel=patient)
    sleeping = threading.Event()

    def sleep(repair, act):
        act.step("asleep")
        sleeping.set()
        act.sleep(50.0)
        raise AssertionError("not interrupted")

    bench.target.repair = sleep
    bench.world.add("a", up=False)
    turn(bench, sleeping.is_set)
    began = time.monotonic()
    assert bench.runner.stop(45.0)
    assert time.monotonic() - began < 45
    assert bench.states() == ["in_doubt"]
    assert real_ledger.leases() == ()
    assert real_ledger.steps(real_ledger.repairs("toy")[0].id)[0][0] == "asleep"

    second = Bench(real_ledger, clock=SystemClock(), spawn=daemon_thread, policy=QUICK, world=bench.world,
                   panel=replace(HURRIED, remedies=tuple(replace(r, settle=Settle(0.0, 0.5)) for r in HURRIED.remedies)))  # fmt: skip
    turn(second, lambda: second.states() == ["unverified", "verified"])
    assert bench.world.effects() == [("start", "a")]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a dying loop is what this is about
def test_a_person_waits_for_a_pass_that_began_after_the_order_and_one_dead_loop_stops_nobody(real_ledger):
    clock = SystemClock()
    good, bad = live(real_ledger), live(real_ledger, target=ToyTarget(ToyWorld(), name="bad"))
    for bench in (good, bad):
        bench.reconciler.policy = replace(QUICK, timing=replace(QUICK.timing, interval=600.0))

    def bug():
        raise KeyError("a bug in a panel")

    bad.target.view_fault = bug
    good.world.add("a")
    schedule = TickSchedule(clock)
    supervisor = Supervisor(clock, schedule, Silent())
    for bench in (good, bad):
        spec = bench.reconciler.spec()
        bench.reconciler.waker = functools.partial(supervisor.wake, spec.name)
        supervisor.add(spec)
    schedule.start()
    supervisor.start()
    try:
        assert good.reconciler.sync(90.0).last_result == "judged"
        good.world.add("b")
        views = good.target.views
        status = good.reconciler.sync(90.0)
        assert len(status.subjects) == 2
        assert good.target.views == views + 1
        assert supervisor.healthy()
        assert bad.reconciler.status.last_result in {"crashed", "none"}
    finally:
        supervisor.stop(5.0)
        schedule.stop()


def test_a_target_may_only_hang_so_often(real_ledger, open_gate):
    target = ToyTarget(ToyWorld(), view_fault=open_gate.wait)
    looker = Looker(target, SystemClock(), 0.05)
    for _ in range(MAX_HUNG + 3):
        with pytest.raises(errors.DeadlinePassed):
            looker.look(None)
    until = time.monotonic() + 60
    while target.views < MAX_HUNG and time.monotonic() < until:  # a thread may begin late
        time.sleep(0.01)
    assert target.views == MAX_HUNG
    assert looker.hung == MAX_HUNG
