"""OOM kills are counted once, whoever tells of them and in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from watchdog.collectors.docker.oom import Runs
from watchdog.model.docker import Container

RUNNING = Container(id="c" * 64, name="web", image="x", state="running", started_at=100.0, oom_killed=False, restart_count=0)
KILLED = replace(RUNNING, state="exited", oom_killed=True, finished_at=110.0, exit_code=137)


def play(*steps: object, before_us: bool = False) -> int:
    runs, total = Runs(), 0
    for step in steps:
        match step:
            case "oom":
                total += runs.oom(RUNNING.id)
            case ("start", float(at)):
                runs.started(RUNNING.id, at)
            case ("look", Container() as container, counter):
                total += runs.look(container, counter, 1e9, before_us=before_us)[0]
    return total


@pytest.mark.parametrize(
    ("kills", "steps"),
    [
        (1, ["oom"]),
        (1, [("start", 100.1), "oom", ("look", RUNNING, 1), ("look", KILLED, None)]),
        (1, [("look", RUNNING, 0), ("look", RUNNING, 1), "oom", ("look", RUNNING, 1)]),
        (1, [("look", KILLED, None), ("look", KILLED, None)]),
        (1, [("look", KILLED, None), "oom"]),
        (3, [("look", RUNNING, 0), "oom", ("look", RUNNING, 3), "oom", "oom", ("look", RUNNING, 3)]),
        (3, ["oom", "oom", "oom", ("look", RUNNING, 2)]),
        (0, [("look", replace(KILLED, oom_killed=False), None)]),  # 137 alone
        (1, [("look", KILLED, None), ("look", replace(RUNNING, oom_killed=True, started_at=120.0, finished_at=110.0), 0)]),  # it sticks
        # the stale flag of the run before is not a kill of the run that has just begun
        (1, ["oom", ("look", KILLED, None), ("start", 111.0), ("look", KILLED, None)]),
        (2, ["oom", ("look", KILLED, None), ("start", 120.0), ("look", replace(KILLED, started_at=119.9, finished_at=130.0), None)]),
        (2, [("look", KILLED, None), ("look", replace(KILLED, started_at=200.0, finished_at=210.0), None)]),  # start event missed
        # a look was faster than the start event of the same run
        (1, [("look", KILLED, None), ("start", 100.1), "oom"]),
        (1, [("look", RUNNING, 1), ("start", 100.1), "oom", ("look", KILLED, None)]),
        (2, [("look", RUNNING, 1), ("start", 100.1), "oom", ("start", 101.0), "oom"]),
        # each run has its own counter
        (3, [("look", RUNNING, 2), ("start", 200.1), ("look", replace(RUNNING, started_at=200.0), 1)]),
        # a counter read before the run began belongs to the run before
        (2, [("look", RUNNING, 2), ("start", 200.1), ("look", RUNNING, 2)]),
    ],
)  # fmt: skip
def test_each_kill_counts_once(kills: int, steps: list[object]):
    assert play(*steps) == kills


def test_what_was_there_before_us_is_not_counted_and_what_follows_is():
    assert play(("look", RUNNING, 5), before_us=True) == 0
    assert play(("look", KILLED, None), before_us=True) == 0
    assert play(("look", RUNNING, 5), ("look", RUNNING, 6), before_us=True) == 1
    assert play("oom", ("look", RUNNING, 5), ("look", RUNNING, 6), before_us=True) == 2


def test_a_restart_of_ours_forgets_nothing_and_doubles_nothing():
    first = Runs()
    first.oom(RUNNING.id)
    first.look(replace(RUNNING, restart_count=2), 3, 1e9, before_us=False)
    second = Runs()
    second.load(first.dump())
    assert second.look(replace(RUNNING, restart_count=2), 3, 1e9, before_us=False) == (0, 0)
    assert second.look(replace(RUNNING, restart_count=3), 4, 1e9, before_us=False) == (1, 1)


def test_restarts_are_the_increase_of_dockers_own_count():
    runs = Runs()
    told = [runs.look(replace(RUNNING, restart_count=n), None, 1e9, before_us=False)[1] for n in (2, 2, 5, 0, 1)]
    assert told == [2, 0, 3, 0, 1]


def test_nothing_is_remembered_of_containers_without_a_story_or_that_have_gone():
    runs = Runs()
    runs.look(RUNNING, 0, 1e9, before_us=False)
    assert runs.dump() == {}
    runs.oom(RUNNING.id)
    assert len(runs.dump()) == 1
    runs.keep([])
    assert runs.dump() == {}
