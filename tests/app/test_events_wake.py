"""What an event of Docker's and a panel that is gone do to the passes and the lines of a target, in the whole program over real sockets."""

from __future__ import annotations

import threading

import pytest

from tests.support.small_world import program_in, rewrite, scrape, small_world, wait_until

BELIEF = "watchdog_mcsmanager_instance_believed_running{"
DOWN = 'watchdog_panel_up{panel="mcsmanager",target="games"} 0'


def slow(document):
    """Let only events bring looks and passes."""
    document["collectors"]["docker"]["interval"] = "300s"
    document["panels"]["mcsmanager"][0].update(interval="300s", mode="observe")


def passes(program):
    return program.world.commands.status("games").passes


def judged_running(program, name):
    look = program.world.commands.status("games").look
    container = look and look.actual.docker.facts.by_name(name)
    return bool(container and container.running)


def quiet(program):
    """Wait until all that the start woke has had its pass; return how many there were."""
    wait_until(lambda: passes(program) >= 1, "a first pass")
    never = threading.Event()
    for _ in range(20):
        before = passes(program)
        never.wait(7.0)
        if passes(program) == before:
            return before
    raise AssertionError("the passes never end")


@pytest.fixture
def slow_program():
    with small_world() as world:
        rewrite(world.config, slow)
        with program_in(world) as program:
            wait_until(lambda: program.world.store.actual.gate.open, "an open gate")
            wait_until(lambda: program.world.store.actual.docker.facts.stream.connected, "the event stream")
            yield world, program


@pytest.mark.timeout(600)
def test_foreign_containers_wake_the_collector_only_and_one_of_ours_and_the_gate_wake_the_target(slow_program):
    world, program = slow_program
    looks = []
    program.world.store.listen(lambda name, actual: looks.append(name) if name == "docker" else None)
    before, never = quiet(program), threading.Event()
    looks.clear()
    for _ in range(100):
        world.engine.die("proxy")
        world.engine.start("proxy")
        never.wait(0.05)
    wait_until(lambda: len(looks) >= 5, "looks: the collector heard them")
    never.wait(7.0)
    # one late pass that the start still owed may be among them; each look would have been one if foreign containers woke the target
    assert passes(program) - before <= 1, f"200 events of a foreign container are no pass, {len(looks)} looks were made"

    ours = next(item.name for item in world.engine.containers() if item.labels)
    wait_until(lambda: judged_running(program, ours), "a judged container")
    world.engine.die(ours)
    wait_until(lambda: not judged_running(program, ours), "a pass that judged by what the event brought")

    before = quiet(program)
    world.engine.crash_engine()
    wait_until(lambda: not program.world.store.actual.gate.open, "a closed gate")
    wait_until(lambda: passes(program) > before, "a pass for the gate")


@pytest.mark.timeout(300)
def test_what_a_panel_believed_is_not_shown_while_it_cannot_be_read():
    with small_world() as world, program_in(world) as program:
        wait_until(lambda: BELIEF in scrape(program)[1], "the panel's lines")
        world.panel.switches.unreachable = True
        wait_until(lambda: DOWN in scrape(program)[1], "a panel that is down")
        wait_until(lambda: BELIEF not in scrape(program)[1], "lines without belief")
        text = scrape(program)[1]
        assert DOWN in text
        assert not [line for line in text.splitlines() if line.startswith("watchdog_mcsmanager_instance")]
        world.panel.switches.unreachable = False
        wait_until(lambda: BELIEF in scrape(program)[1], "the panel's lines again")
