"""How near an event may bring the next pass, and that a deadline of our own is not held back by it."""

from __future__ import annotations

from tests.support.bench import Bench
from watchdog.reconciler.policy import SPACING


def test_an_event_waits_for_the_spacing(bench):
    bench.world.add("a")
    bench.step()
    assert bench.status.passes == 1
    rests = []
    for _ in range(int(SPACING) - 1):
        bench.clock.advance(1.0)
        rests.append(bench.step())
    assert bench.status.passes == 1
    assert rests == sorted(rests, reverse=True)
    assert abs(rests[-1] - 1.0) < 0.1
    bench.clock.advance(rests[-1] + 0.01)
    bench.step()
    assert bench.status.passes == 2


def test_a_deadline_of_our_own_does_not(ledger, clock):
    bench = Bench(ledger, clock=clock)
    bench.world.add("a", up=False)
    bench.step()
    clock.advance(9.0)
    bench.step()
    due = bench.step()
    assert bench.status.passes == 2
    assert due <= 1.1, "one second is missing to the confirmation"
    clock.advance(due)
    bench.step()
    assert bench.status.passes == 3
    assert bench.world.effects() == [("start", "a")]
