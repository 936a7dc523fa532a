"""Passes over the toy world with a real ledger: found, confirmed, planned, mended, proven; and every way in which nothing may be done."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.support.bench import REPAIR, Bench
from watchdog import errors
from watchdog.model.repairs import Mode
from watchdog.reconciler.policy import Policy


def raising(error):
    def fault(*_):
        raise error

    return fault


def test_a_drift_is_mended_once_and_proven_and_then_there_is_nothing_to_do(bench):
    bench.world.add("a", up=False)
    bench.world.add("b")
    bench.run(60)
    assert bench.world.effects() == [("start", "a")]
    assert bench.states() == ["verified"]
    assert bench.status.subjects.keys() == {subject for subject in bench.status.subjects if bench.status.subjects[subject] == "ok"}
    bench.run(3600)
    assert bench.world.effects() == [("start", "a")]


def test_it_is_not_acted_on_by_the_first_look_nor_before_its_seconds(bench):
    bench.world.add("a", up=False)
    bench.step()
    assert bench.shown() == {"a": "pending"}
    bench.clock.advance(9.9)
    bench.step()
    assert bench.world.effects() == []
    bench.clock.advance(1.1)
    bench.step()
    assert bench.world.effects() == [("start", "a")]


def test_the_loop_asks_to_be_woken_at_the_next_known_deadline(bench):
    bench.world.add("a", up=False)
    assert bench.step() == pytest.approx(10.0)
    bench.clock.advance(10)
    assert bench.step() <= 5.0  # it settles now


def test_fifty_ghosts_behind_one_daemon_are_one_restart(bench):
    for number in range(50):
        bench.world.add(f"g{number}", up=True, believed="down")
    bench.run(120)
    assert bench.world.effects() == [("restart", "daemon")]
    assert bench.states() == ["verified"]


def test_a_drift_that_flickers_is_never_acted_on(bench):
    bench.world.add("a")
    for _ in range(40):
        bench.world.set("a", up=False)
        bench.step()
        bench.clock.advance(9)
        bench.world.set("a", up=True)
        bench.step()
        bench.clock.advance(9)
    assert bench.world.effects() == []


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPROVE])
def test_without_leave_nothing_is_done(ledger, clock, mode):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, mode=mode))
    bench.world.add("a", up=False)
    bench.run(600)
    assert bench.world.effects() == []
    assert bench.shown() == {"a": "open" if mode is Mode.OBSERVE else "awaiting_approval"}


def test_five_hundred_old_findings_are_one_digest_and_no_repair(ledger, clock, caplog):
    caplog.set_level(logging.INFO, logger="watchdog.reconciler")
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, baseline="ask"))
    for number in range(500):
        bench.world.add(f"i{number:03}", up=False)
    bench.run(300)
    assert bench.world.effects() == []
    assert set(bench.shown().values()) == {"baseline"}
    assert set(bench.held().values()) == {"baseline"}
    assert len([r for r in caplog.records if r.levelno >= logging.INFO and r.name.startswith("watchdog.reconciler")]) == 1
    bench.world.add("new", up=True)
    bench.run(30)
    bench.world.set("new", up=False)
    bench.run(60)
    assert bench.world.effects() == [("start", "new")], "what breaks later is ordinary"


@pytest.mark.parametrize(("what", "effects"), [("accepted", []), ("repair", [("start", "a")])])
def test_a_person_decides_about_the_baseline(ledger, clock, what, effects):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, baseline="ask"))
    bench.world.add("a", up=False)
    bench.run(60)
    ledger.set_baseline("toy", what, clock.now().wall)
    bench.run(120)
    assert bench.world.effects() == effects


def test_the_first_look_is_complete_only_when_everything_could_be_seen(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, baseline="ask"))
    bench.world.add("a", up=False)
    bench.world.add("b", up=False)
    bench.target.unknown = {"b"}
    bench.run(20)
    assert bench.status.baseline == "none"
    bench.target.unknown = set()
    bench.run(120)
    assert bench.status.baseline == "taken"
    assert bench.shown() == {"a": "baseline", "b": "baseline"}
    assert bench.world.effects() == []


def test_one_subject_that_stays_unknown_does_not_keep_the_first_look_open_for_ever(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=replace(REPAIR, baseline="ask"))
    bench.world.add("a")
    bench.world.add("b")
    bench.target.unknown = {"b"}
    bench.run(300)
    assert bench.status.baseline == "taken"


FAILURES = [
    errors.Unreachable("refused"), errors.DeadlinePassed("slow"), errors.Throttled("patience", 30.0), errors.ServerFault("500"),
    errors.Forbidden("403"), errors.NotFound("404"), errors.Refused("409"), errors.MalformedAnswer("html"), errors.Blind("hidepid"),
    errors.Unplaced("where"), errors.LedgerUnavailable("foreign database"),
]  # fmt: skip


@pytest.mark.parametrize("side", ["view_fault", "evidence_fault"])
@pytest.mark.parametrize("error", FAILURES, ids=lambda error: type(error).__name__)
def test_a_panel_that_cannot_be_read_is_unknown_and_its_looks_begin_anew(bench, side, error):
    bench.world.add("a", up=False)
    bench.world.add("b")
    bench.step()
    setattr(bench.target, side, raising(error))
    bench.run(600)
    assert bench.world.effects() == []
    assert bench.status.up is False
    assert bench.status.error == type(error).__name__
    assert set(bench.status.subjects.values()) == {"unknown"}
    assert len(bench.status.unknown_since) == 2
    assert bench.shown() == {"a": "unknown"}

    setattr(bench.target, side, None)
    bench.step()
    assert bench.status.up is True
    assert bench.status.unknown_since == {}
    assert bench.world.effects() == [], "one look after the blindness is one look"
    bench.run(30)
    assert bench.world.effects() == [("start", "a")]


def test_a_bug_in_a_panel_ends_the_pass_visibly_and_the_next_pass_goes_on(bench):
    bench.world.add("a", up=False)
    bench.step()
    bench.target.view_fault = raising(KeyError("a bug"))
    bench.clock.advance(10)
    with pytest.raises(KeyError):
        bench.step()
    assert bench.status.last_result == "crashed"
    assert bench.count("watchdog_reconcile_passes_total", "toys", "toy", "crashed") == 1
    bench.target.view_fault = None
    bench.run(60)
    assert bench.states() == ["verified"]


def test_a_subject_that_was_unknown_in_between_is_looked_at_anew(bench):
    bench.world.add("a", up=False)
    bench.step()
    bench.clock.advance(5)
    bench.target.unknown = {"a"}
    bench.step()
    bench.target.unknown = set()
    bench.clock.advance(6)
    bench.step()
    bench.clock.advance(5)
    bench.step()
    assert bench.world.effects() == []
    bench.clock.advance(6)
    bench.step()
    assert bench.world.effects() == [("start", "a")]


def test_old_truth_is_no_truth(bench):
    bench.world.add("a", up=False)
    bench.freeze()
    bench.clock.advance(46)
    bench.run(600)
    assert bench.world.effects() == []
    assert [each.reason for each in bench.status.unknown] == ["docker_stale"]


def test_what_is_not_proven_to_be_here_is_not_touched(bench):
    bench.target.placed = False
    bench.world.add("a", up=False)
    bench.run(600)
    assert bench.world.effects() == []
    assert [each.reason for each in bench.status.unknown] == ["unplaced"]


def test_no_call_while_the_gate_is_closed_and_repair_when_it_opens(bench):
    bench.gate = False
    bench.world.add("a", up=False)
    bench.run(600)
    assert bench.world.effects() == []
    assert bench.held() == {"a": "gate"}
    bench.gate = True
    bench.run(60)
    assert bench.states() == ["verified"]


def test_no_verdict_by_a_truth_or_a_view_from_before_the_act(bench):
    bench.world.add("a", up=False)
    bench.run(10.5)
    bench.world.set("a", up=True)  # what the frozen truth shows is older than the act
    bench.freeze()
    assert bench.states() == ["settling"]
    bench.run(40)
    assert bench.states() == ["verified"], "the snapshot was read after the act"

    bench.world.set("a", up=False)
    bench.frozen = None
    bench.freeze()
    bench.run(20)
    assert bench.states()[1:] == ["settling"]
    bench.run(600)
    assert bench.states()[1:] == ["settling"], "an older truth proves nothing, for or against"


@pytest.mark.parametrize("jump", [-3 * 3600.0, 3 * 3600.0])
def test_a_clock_that_jumps_three_hours_changes_nothing(bench, jump):
    bench.world.add("a", up=False)
    bench.step()
    bench.clock.advance(5)
    bench.clock.jump(jump)
    bench.step()
    assert bench.world.effects() == [], "confirmed by seconds that passed, not by seconds that were set"
    bench.clock.advance(6)
    bench.step()
    assert bench.world.effects() == [("start", "a")]
    bench.clock.jump(-jump)
    bench.run(60)
    assert bench.states() == ["verified"]

    bench.clock.jump(jump)
    bench.world.set("a", up=False)
    bench.run(120)
    assert bench.states() == ["verified", "verified"], "its cooldown was over in real seconds"


def test_a_storm_of_events_is_few_passes(bench):
    woken = []
    bench.reconciler.waker = lambda: woken.append(1)
    bench.world.add("a")
    for _ in range(1000):
        bench.reconciler.wake()
        bench.step()
        bench.clock.advance(0.001)
    assert len(woken) == 1000
    assert bench.target.views <= 2


def test_the_ledger_is_asked_in_vain_and_looking_goes_on(bench, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="watchdog.reconciler")
    bench.world.add("a")
    bench.run(30)
    away = tmp_path / "elsewhere"
    away.mkdir()
    kept = [path for path in tmp_path.iterdir() if path.name.startswith("ledger")]
    for path in kept:
        path.rename(away / path.name)
    bench.world.set("a", up=False)
    bench.run(120)
    assert bench.status.last_result == "no_ledger"
    assert bench.status.up is True
    assert bench.shown() == {"a": "pending"}
    assert bench.world.effects() == []
    said = [r for r in caplog.records if "the ledger is not there" in str(r.msg)]
    assert len(said) == 1
    for path in kept:
        (away / path.name).rename(path)
    bench.run(120)
    assert bench.status.ledger_error is None
    assert bench.states() == ["verified"]


def test_the_default_policy_asks_and_keeps_the_baseline():
    assert (Policy().mode, Policy().baseline) == (Mode.APPROVE, "ask")
