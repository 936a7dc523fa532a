"""What an alert sees of an opened drift while it cannot be judged: the same timestamp, without a gap."""

from __future__ import annotations

import pytest

from tests.support.bench import Bench
from watchdog import errors
from watchdog.model.repairs import Mode
from watchdog.reconciler.metrics import SPECS
from watchdog.reconciler.policy import Policy

LOOKING = Policy(mode=Mode.OBSERVE, baseline="repair")
OPEN = ("toys", "toy", "down", "thing/a")


def opened(bench):
    spec = next(spec for spec in SPECS if spec.metric.name == "watchdog_drift_open_timestamp_seconds")
    return dict(spec.rows([bench.status]))


def unreadable(bench):
    def fault():
        raise errors.Unreachable("down")

    bench.target.view_fault = fault


def hidden(bench):
    bench.target.unknown = {"a"}


@pytest.fixture
def open_one(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=LOOKING)
    bench.world.add("a", up=False)
    bench.world.add("b")
    bench.run(30)
    assert set(opened(bench)) == {OPEN}
    return bench


@pytest.mark.parametrize("blindness", [unreadable, hidden])
def test_it_keeps_its_timestamp_while_blind_and_when_it_is_seen_again(open_one, blindness):
    bench, before = open_one, opened(open_one)
    blindness(bench)
    bench.run(100)
    assert bench.shown() == {"a": "unknown"}
    assert opened(bench) == before
    bench.target.view_fault, bench.target.unknown = None, set()
    bench.run(20)
    assert bench.shown() == {"a": "open"}
    assert opened(bench) == before
    bench.world.set("a", up=True)
    bench.run(40)
    assert opened(bench) == {}


def test_one_that_was_never_confirmed_has_none_while_blind(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=LOOKING)
    bench.world.add("a", up=False)
    bench.step()
    unreadable(bench)
    bench.run(100)
    assert bench.shown() == {"a": "unknown"}
    assert opened(bench) == {}


def test_an_ignored_one_has_none_while_blind(open_one, clock):
    open_one.ledger.ignore("*/down/*", "known", None, "me", clock.now().wall)
    open_one.run(20)
    unreadable(open_one)
    open_one.run(40)
    assert open_one.shown() == {"a": "unknown"}
    assert opened(open_one) == {}


def test_one_of_the_baseline_has_none_while_blind(ledger, clock):
    bench = Bench(ledger, clock=clock, policy=Policy(mode=Mode.REPAIR))
    bench.world.add("a", up=False)
    bench.run(40)
    assert bench.shown() == {"a": "baseline"}
    unreadable(bench)
    bench.run(40)
    assert bench.shown() == {"a": "unknown"}
    assert opened(bench) == {}


def test_it_stays_while_blind_without_a_ledger(open_one, monkeypatch):
    bench, before = open_one, opened(open_one)

    def lost(*_, **__):
        raise errors.LedgerUnavailable("disk")

    for name in ("facts", "observe", "blind", "repairs"):
        monkeypatch.setattr(bench.ledger, name, lost)
    hidden(bench)
    bench.run(40)
    assert bench.status.last_result == "no_ledger"
    assert opened(bench) == before
    unreadable(bench)
    bench.run(40)
    assert opened(bench) == before
