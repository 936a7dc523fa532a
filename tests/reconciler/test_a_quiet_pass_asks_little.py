"""What a pass asks of the ledger when nothing is the matter: with 200 targets on one disk each needless question counts."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.support.bench import Bench
from tests.support.panel import ToyTarget, ToyWorld
from watchdog.model.pauses import PauseFacts, PauseSays


class HeldTarget(ToyTarget):
    """A panel that is itself held paused: its rules know of pauses."""

    def check_pauses(self, view, standing):
        return PauseSays()


@contextmanager
def statements():
    """Note each statement that any database of this process is sent, without its parameters."""
    heard = []

    def note(_connection, _cursor, statement, *_rest):
        heard.append(" ".join(statement.split()))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield heard
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def a_pass(bench):
    bench.clock.advance(15.0)
    with statements() as heard:
        bench.step()
    # whose schema it is by now is asked in each transaction that decides whether we may write
    return [each for each in heard if not each.startswith(("BEGIN", "COMMIT")) and "watchdog_schema" not in each]


@pytest.mark.parametrize("things", [1, 200])
def test_a_quiet_pass_is_nine_questions_however_many_subjects_there_are(ledger, clock, things):
    bench = Bench(ledger, clock=clock)
    for number in range(things):
        bench.world.add(f"t{number:03}")
    bench.run(60)
    heard = a_pass(bench)
    assert bench.status.last_result == "judged"
    assert len(heard) <= 9, heard
    assert len(set(heard)) == len(heard), "nothing is asked twice"


def test_histories_are_read_again_once_there_is_something_to_plan(ledger, clock):
    bench = Bench(ledger, clock=clock)
    bench.world.add("a")
    bench.run(60)
    bench.world.set("a", odd=True)  # for a person: confirmed at once, and it stays
    bench.run(60)
    assert sum("FROM objects" in each for each in a_pass(bench)) == 2


@pytest.mark.parametrize(("kind", "asked"), [(ToyTarget, 0), (HeldTarget, 1)])
def test_only_the_rules_of_a_panel_that_is_held_paused_are_told_of_pauses(ledger, clock, kind, asked):
    calls = []

    def facts():
        calls.append(1)
        return PauseFacts()

    bench = Bench(ledger, clock=clock, target=kind(ToyWorld()), pause_facts=facts)
    bench.step()
    assert len(calls) == asked
