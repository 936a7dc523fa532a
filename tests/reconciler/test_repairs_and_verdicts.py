"""How repairs end: done, later, gave up, in doubt; verified or not; and what an object must bear afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog import errors
from watchdog.model.repairs import Outcome
from watchdog.reconciler.adopt import dead, holder_name
from watchdog.reconciler.commands import Commands
from watchdog.reconciler.metrics import RESULTS, SPECS
from watchdog.reconciler.policy import Backoff, Bounds


def raising(error):
    def fault(*_):
        raise error

    return fault


def useless(bench):
    """Let the remedy do its work without any use."""
    bench.target.repair = lambda repair, act: bench.world.effect("try", "a", lambda things: None) or Outcome.done()


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (errors.Unreachable("reset"), "later"),
        (errors.DeadlinePassed("slow"), "later"),
        (errors.Throttled("patience", 300.0), "later"),
        (errors.LeaseLost("gone"), "later"),
        (errors.MalformedAnswer("html"), "later"),
        (errors.Blind("hidepid"), "later"),
        (errors.Forbidden("403"), "gave_up"),
        (errors.Refused("precondition"), "gave_up"),
        (KeyError("a bug"), "gave_up"),
    ],
)
def test_an_error_of_each_class_ends_as_one_of_three_and_the_loop_lives(bench, error, state):
    bench.world.add("a", up=False)
    bench.target.repair_fault = raising(error)
    bench.run(15)
    assert bench.states() == [state]
    assert type(error).__name__ in bench.ledger.repairs("toy")[0].message
    assert bench.count("watchdog_repairs_total", "toys", "toy", "lift", state) == 1
    assert bench.count("watchdog_repair_crashes_total", "toys", "toy", "lift") == isinstance(error, KeyError)

    bench.target.repair_fault = None
    bench.run(600)
    assert bench.states() == [state, "verified"]


def test_a_delay_that_was_asked_for_is_kept(bench):
    bench.world.add("a", up=False)
    bench.target.repair_fault = raising(errors.Throttled("patience", 300.0))
    bench.run(20)
    bench.target.repair_fault = None
    bench.run(280)
    assert bench.held() == {"a": "not_before"}
    bench.run(60)
    assert bench.states() == ["later", "verified"]


def test_unverified_only_after_the_longest_settling_then_rests_longer_each_time_then_the_breaker(ledger, clock):
    bounds = Bounds(attempts=9, budget_per_hour=99, breaker=3, backoff=Backoff(100.0, 2.0, 3600.0))
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, bounds=bounds))
    bench.world.add("a", up=False)
    useless(bench)
    bench.run(12)
    assert bench.states() == ["settling"]
    bench.run(50)
    assert bench.states() == ["settling"]
    bench.run(20)
    assert bench.states() == ["unverified"]
    bench.run(4000)
    assert bench.states() == ["unverified"] * 3
    assert bench.held() == {"a": "breaker"}
    first, second, third = (record.intended_at for record in reversed(ledger.repairs("toy")))
    assert 100 <= second - first < 100 + 20
    assert 200 <= third - second < 200 + 20
    bench.run(15_000)
    assert len(bench.world.effects()) == 3


def test_attempts_and_budget_hold_too(ledger, clock):
    quick = Backoff(1.0, 1.0, 1.0)
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, bounds=Bounds(attempts=99, budget_per_hour=4, breaker=99, backoff=quick)))
    bench.world.add("a", up=False)
    useless(bench)
    bench.run(3500)
    assert len(bench.states()) == 4
    assert bench.held() == {"a": "budget"}
    bench.reconciler.policy = replace(REPAIR, bounds=Bounds(attempts=7, budget_per_hour=99, breaker=99, backoff=quick))
    bench.run(3000)
    assert len(bench.states()) == 7
    assert bench.held() == {"a": "attempts"}


def test_a_person_may_let_it_try_once_more(bench, clock, ledger):
    bench.world.add("a", up=False)
    works = bench.target.repair
    useless(bench)
    bench.run(9000)
    assert bench.held() == {"a": "breaker"}
    bench.target.repair = works
    commands = Commands({"toy": bench.reconciler}, ledger, clock)
    with pytest.raises(errors.NotFound):
        commands.retry("toy", "toys/toy/down/thing/nobody", "me")
    commands.retry("toy", "toys/toy/down/thing/a", "me")
    bench.run(60)
    assert bench.states() == ["unverified"] * 3 + ["verified"]
    assert ledger.repairs("toy")[0].requested_by == "me"


def test_a_success_resets_the_count(bench):
    bench.world.add("a", up=False)
    bench.target.repair_fault = raising(errors.Unreachable("reset"))
    bench.run(100)
    tried = len(bench.states())
    assert tried >= 2
    bench.target.repair_fault = None
    bench.run(300)
    assert bench.states() == ["later"] * tried + ["verified"]
    bench.world.set("a", up=False)
    bench.run(60)
    assert bench.states() == ["later"] * tried + ["verified"] * 2, "no back-off of the old trouble is left"


def test_no_more_than_the_allowed_repairs_run_at_once(ledger, clock):
    waiting = []

    def hold(name, work):
        work() if name.startswith("look") else waiting.append(work)

    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, bounds=Bounds(parallel=3)), spawn=hold)
    for number in range(4):
        bench.world.add(f"i{number}", up=False)
    bench.run(20)
    assert len(waiting) == 3
    assert bench.count("watchdog_guard_refusals_total", "toys", "toy", "parallel") > 0
    for _ in range(4):
        waiting.pop(0)()
        bench.run(2)
    assert sorted(bench.world.effects()) == [("start", f"i{number}") for number in range(4)]


def test_too_many_at_once_are_left_alone_and_said(bench):
    for number in range(20):
        bench.world.add(f"i{number:02}", up=number >= 6)
    bench.run(600)
    assert bench.world.effects() == []
    assert set(bench.held().values()) == {"too_many"}


def test_totals_go_on_in_the_next_life(bench, open_again, clock):
    bench.world.add("a", up=False)
    bench.run(60)
    second = Bench(open_again(clock), clock=clock, world=bench.world)
    second.counts.restore(second.ledger)
    assert second.count("watchdog_repairs_total", "toys", "toy", "lift", "verified") == 1


def test_every_row_is_there_before_anything_happened(bench):
    bench.world.add("a")
    bench.step()
    rows = {spec.metric.name: dict(spec.rows([bench.status])) for spec in SPECS}
    assert len(rows["watchdog_drifts"]) == 5 * 7
    assert set(rows["watchdog_drifts"].values()) == {0.0}
    assert rows["watchdog_subjects"] == {
        ("toys", "toy", "ok"): 1, ("toys", "toy", "drift"): 0, ("toys", "toy", "unknown"): 0, ("toys", "toy", "ignored"): 0,
    }  # fmt: skip
    assert rows["watchdog_panel_up"] == {("toys", "toy"): 1.0}
    for remedy in ("lift", "restart", "cycle", "purge"):
        for result in RESULTS:
            assert bench.instruments.values["watchdog_repairs_total", "toys", "toy", remedy, result] == 0.0


def test_what_is_shown_follows_the_drift(bench):
    def rows(name):
        return {labels[2:]: value for spec in SPECS if spec.metric.name == name for labels, value in spec.rows([bench.status]) if value}

    bench.world.add("a", up=False)
    bench.world.add("o", odd=True)
    bench.step()
    assert rows("watchdog_drifts") == {("down", "pending"): 1.0, ("odd", "open"): 1.0}
    bench.run(12)
    assert rows("watchdog_drifts")["down", "repairing"] == 1.0
    opened = rows("watchdog_drift_open_timestamp_seconds")
    assert set(opened) == {("down", "thing/a"), ("odd", "thing/o")}
    bench.run(60)
    assert rows("watchdog_drifts") == {("odd", "open"): 1.0}
    assert rows("watchdog_subjects") == {("ok",): 1.0, ("drift",): 1.0}
    assert rows("watchdog_drifts_held") == {("person",): 1.0}
    bench.ledger.ignore("*/odd/*", "known", None, "me", bench.clock.now().wall)
    bench.run(20)
    assert rows("watchdog_subjects") == {("ok",): 1.0, ("ignored",): 1.0}
    bench.target.view_fault = raising(errors.ServerFault("500"))
    bench.run(20)
    assert rows("watchdog_panel_up") == {}
    assert rows("watchdog_subjects") == {("unknown",): 2.0}
    assert set(rows("watchdog_subject_unknown_since_timestamp_seconds")) == {("thing/a",), ("thing/o",)}


def test_only_dead_processes_of_this_host_are_called_dead():
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    pid = int(gone.stdout)
    assert not dead(holder_name())
    assert dead(f"h/{pid}/x", "h")
    assert not dead(f"h/{os.getpid()}/x", "h")
    assert not dead(f"other/{pid}/x", "h")
    assert not dead("rubbish", "h")
