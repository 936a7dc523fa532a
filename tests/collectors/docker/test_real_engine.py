"""On a real dockerd: facts equal ``docker inspect``, kills count once, crashes and hangs of the engine are survived."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.books import MemoryTallyBook
from tests.support.dockerd import Dockerd, poll
from watchdog.collectors.docker.inspection import parse_time
from watchdog.errors import DeadlinePassed, NotFound, Refused, Temporary, Unreachable
from watchdog.model.docker import Container, DockerFacts
from watchdog.model.snapshots import Snapshot
from watchdog.runtime.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]
MEMORY = 16 << 20


def hearing(room) -> None:
    poll(lambda: room.tail.stream.connected, 90, "events are heard")


def total(facts: DockerFacts, kind: str, name: str) -> float:
    return facts.tallies.get((kind, name), 0.0)


# Docker watches a container for OOM only a moment after its start: what dies within milliseconds is an OOM to nobody
STARVING = ("sh", "-c", "sleep 2; exec tail /dev/zero")


def collect_until(room, wanted: Callable[[DockerFacts], object], seconds: float = 90.0) -> DockerFacts:
    found: list[DockerFacts] = []

    def look() -> bool:
        found.append(room.collect())
        return bool(wanted(found[-1]))

    poll(look, seconds, "the facts wanted")
    return found[-1]


def as_inspected(engine: Dockerd, name: str) -> dict[str, object]:
    raw = engine.inspect(name)
    state = raw["State"]
    runs = state["Status"] in {"running", "paused"}
    return {
        "id": raw["Id"],
        "state": state["Status"],
        "exit_code": None if runs else state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "started_at": parse_time(state["StartedAt"]),
        "finished_at": parse_time(state["FinishedAt"]),
        "pid": state["Pid"] or None,
        "restart_count": raw["RestartCount"],
        "restart_policy": raw["HostConfig"]["RestartPolicy"]["Name"],
        "health": state["Health"]["Status"] if state["Status"] == "running" and "Health" in state else None,
        "network_mode": raw["HostConfig"]["NetworkMode"],
        "image_id": raw["Image"],
    }


def as_collected(container: Container | None) -> dict[str, object]:
    assert container is not None
    names = ("id", "state", "exit_code", "oom_killed", "started_at", "finished_at", "pid", "restart_count", "restart_policy", "health")
    return {name: getattr(container, name) for name in (*names, "network_mode", "image_id")}


def test_facts_equal_docker_inspect(engine: Dockerd, open_room):
    engine.run("running", "sleep", "1000", labels={"keep": "1", "drop": "2"}, binds=["/tmp:/data:ro"], restart="unless-stopped")
    engine.run("exited", "sh", "-c", "exit 3")
    engine.run("healthy", "sleep", "1000", health="true")
    engine.run("unhealthy", "sleep", "1000", health="false")
    engine.run("stale", "sleep", "1000", health="false")
    engine.run("paused", "sleep", "1000")
    engine.post("paused", "pause")
    engine.run("killed", *STARVING, memory=MEMORY)
    for name, state in (
        ("exited", "exited"),
        ("killed", "exited"),
        ("healthy", "healthy"),
        ("unhealthy", "unhealthy"),
        ("stale", "unhealthy"),
    ):
        engine.wait_state(name, state)
    engine.post("stale", "kill")
    assert engine.wait_state("stale", "exited")["State"]["Health"]["Status"] == "unhealthy"
    facts = open_room(engine.url, labels=("keep",)).collect()
    for name in ("running", "exited", "healthy", "unhealthy", "stale", "paused", "killed"):
        assert as_collected(facts.by_name(name)) == as_inspected(engine, name), name
    assert facts.by_name("stale").health is None
    assert facts.by_name("running").labels == {"keep": "1"}
    assert [(m.source, m.destination, m.writable) for m in facts.by_name("running").mounts] == [("/tmp", "/data", False)]
    assert facts.by_name("killed").oom_killed
    told = engine.call("GET", "/info")
    assert (facts.engine_id, facts.version) == (told["ID"], told["ServerVersion"])


def test_a_restarting_container(engine: Dockerd, open_room):
    engine.run("loop", "sh", "-c", "exit 7", restart="always")
    room = open_room(engine.url)

    def both() -> bool:
        # back-off grows: soon the container rests long enough for both looks to see the same rest
        before = as_inspected(engine, "loop")
        found = room.collect().by_name("loop")
        after = as_inspected(engine, "loop")
        return before == after and before["state"] == "restarting" and as_collected(found) == after

    poll(both, 120, "facts equal inspect while restarting")
    assert room.collect().by_name("loop").exit_code == 7
    assert total(collect_until(room, lambda f: total(f, "restart", "loop") > 2), "restart", "loop") > 2


def test_use_is_read_from_the_cgroup(engine: Dockerd, open_room):
    box = engine.run("busy", "sh", "-c", "while true; do :; done", memory=64 << 20)
    room = open_room(engine.url)
    use = collect_until(room, lambda f: (f.cgroups.get(box) or 0) and (f.cgroups[box].cpu_seconds or 0) > 0.2).cgroups[box]
    assert use.memory_limit_bytes == 64 << 20
    assert 0 < use.memory_bytes < 64 << 20
    assert use.pids == 1
    assert use.oom_kills == 0


def test_an_oom_of_the_first_process_counts_once(engine: Dockerd, open_room):
    room = open_room(engine.url)
    room.collect()
    hearing(room)
    engine.run("hungry", *STARVING, memory=MEMORY)
    engine.wait_state("hungry", "exited")
    facts = collect_until(room, lambda f: total(f, "die", "hungry") and total(f, "oom", "hungry") and f.by_name("hungry").oom_killed)
    for _ in range(3):
        facts = room.collect()
    assert facts.by_name("hungry").oom_killed
    assert (total(facts, "oom", "hungry"), total(facts, "die", "hungry")) == (1, 1)


def test_an_oom_of_an_auto_removed_container_counts_once(engine: Dockerd, open_room):
    room = open_room(engine.url)
    room.collect()
    hearing(room)
    engine.run("MCSM-1", *STARVING, memory=MEMORY, auto_remove=True)
    facts = collect_until(room, lambda f: any((e.name, e.action) == ("MCSM-1", "destroy") for e in f.events))
    assert facts.by_name("MCSM-1") is None
    facts = collect_until(room, lambda f: total(f, "oom", "MCSM-1") and total(f, "die", "MCSM-1"))
    assert (total(facts, "oom", "MCSM-1"), total(facts, "die", "MCSM-1")) == (1, 1)


def test_ooms_of_children_and_execs_count_once_each_and_the_flag_says_nothing(engine: Dockerd, open_room):
    room = open_room(engine.url)
    room.collect()
    hearing(room)
    box = engine.run("parent", "sh", "-c", "sleep 2; tail /dev/zero; sleep 1000", memory=MEMORY)
    collect_until(room, lambda f: total(f, "oom", "parent") == 1)
    assert engine.exec(box, "tail", "/dev/zero") == 137
    facts = collect_until(room, lambda f: total(f, "oom", "parent") == 2)
    for _ in range(3):
        facts = room.collect()
    assert total(facts, "oom", "parent") == 2
    assert facts.cgroups[box].oom_kills == 2
    assert facts.by_name("parent").running
    assert facts.by_name("parent").oom_killed is False
    assert any(e.action == "exec_die" and e.exit_code == 137 for e in facts.events)


def test_an_oom_heard_of_by_the_counter_alone_counts_once(engine: Dockerd, open_room):
    book = MemoryTallyBook()
    first = open_room(engine.url, book)
    box = engine.run("parent", "sleep", "1000", memory=MEMORY)
    collect_until(first, lambda f: f.by_name("parent").started_at)
    hearing(first)
    first.close()
    assert engine.exec(box, "tail", "/dev/zero") == 137
    for number in range(90):  # three events each: more than the 256 that dockerd remembers
        engine.exec(box, "true") if number else None
    events = engine.call("GET", "/events", query={"since": 1, "until": int(time.time()) + 1})
    assert b'"Action":"oom"' not in events
    second = open_room(engine.url, book)
    facts = collect_until(second, lambda f: total(f, "oom", "parent"))
    hearing(second)
    for _ in range(3):
        facts = second.collect()
    assert total(facts, "oom", "parent") == 1


def test_a_kill_is_no_oom(engine: Dockerd, open_room):
    room = open_room(engine.url)
    room.collect()
    hearing(room)
    engine.run("victim", "sleep", "1000", memory=MEMORY)
    engine.post("victim", "kill")
    facts = collect_until(room, lambda f: total(f, "die", "victim"))
    assert facts.by_name("victim").exit_code == 137
    assert total(facts, "oom", "victim") == 0


def test_dockerd_killed_and_back_loses_and_doubles_nothing(engine: Dockerd, open_room):
    engine.run("web", "sleep", "1000")
    engine.run("again", "sleep", "1000", restart="always")
    room = open_room(engine.url, pid_file=engine.root / "docker.pid")
    first = collect_until(room, lambda f: f.by_name("again").started_at)
    hearing(room)
    assert abs(first.engine_started_at - time.time()) < 3600
    engine.post("web", "restart", t=0)
    collect_until(room, lambda f: total(f, "start", "web") == 1 and total(f, "die", "web") == 1)
    began = time.time()
    engine.kill()
    poll(lambda: room.tail.stream.dropped_at, 90, "the drop is noticed")
    assert room.tail.stream.dropped_at >= began - 1
    with pytest.raises(Unreachable):
        room.collect()
    engine.start()
    poll(lambda: room.tail.stream.connected, 90, "the stream is back")
    facts = collect_until(room, lambda f: f.by_name("web").state == "exited" and f.by_name("again").running)
    assert facts.stream.reconnects == 1
    assert facts.engine_started_at > first.engine_started_at
    assert facts.by_name("again").started_at > facts.stream.dropped_at
    assert as_collected(facts.by_name("again")) == as_inspected(engine, "again")
    engine.post("web", "start")
    before = total(facts, "start", "web")
    facts = collect_until(room, lambda f: total(f, "start", "web") > before)
    for _ in range(3):
        facts = room.collect()
    assert total(facts, "start", "web") == 2
    assert len({(e.at, e.container_id, e.action) for e in facts.events}) == len(facts.events)


def test_a_stream_that_is_cut_hears_what_it_missed_once(engine: Dockerd, open_room):
    engine.run("web", "sleep", "1000")
    room = open_room(engine.url)
    room.collect()
    hearing(room)
    for turn in range(3):
        room.tail._feed.close()
        engine.post("web", "restart", t=0)
        collect_until(room, lambda f, turn=turn: total(f, "start", "web") == turn + 1)
    facts = room.collect()
    assert (total(facts, "start", "web"), total(facts, "die", "web")) == (3, 3)


class Loop:
    """Collects and guards in two threads, as the supervisor does, and publishes."""

    def __init__(self, room) -> None:
        self.room, self.stop = room, threading.Event()
        self.threads = [threading.Thread(target=body, daemon=True) for body in (self._collect, self._guard)]
        for thread in self.threads:
            thread.start()

    def _collect(self) -> None:
        while not self.stop.wait(0.5):
            now, facts, error = self.room.clock.now(), None, None
            try:
                facts = self.room.collect()
            except Temporary as problem:
                error = type(problem).__name__
            self.room.store.publish(Snapshot("docker", facts, now, now, 0.5, error=error, message=error))

    def _guard(self) -> None:
        while not self.stop.is_set():
            self.stop.wait(self.room.room.gatekeeper.step())

    def close(self) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(30)


@pytest.mark.parametrize("trouble", ["freeze", "kill"])
def test_the_gate_closes_within_bounds_and_opens_by_itself(engine: Dockerd, open_room, trouble: str):
    gate = {"start_delay": "0", "retry": "500ms", "successes": 3, "timeout": "1s"}
    room = open_room(engine.url, deadline="3s", gate=gate)
    loop = Loop(room)
    try:
        poll(lambda: room.store.actual.gate.open, 90, "the gate opens")
        getattr(engine, trouble)()
        began = time.monotonic()
        poll(lambda: not room.store.actual.gate.open, 90, "the gate closes")
        took = time.monotonic() - began
        poll(lambda: room.store.actual.gate.attempts > 6, 90, "it goes on trying")
        assert not room.store.actual.gate.open
        assert room.store.actual.gate.error == ("DeadlinePassed" if trouble == "freeze" else "Unreachable")
        engine.thaw()
        engine.start()
        poll(lambda: room.store.actual.gate.open, 90, "the gate opens again")
        assert room.store.actual.gate.opened_total >= 2
        poll(lambda: room.store.actual.docker.success, 90, "and the collector is well")
        print(f"\n{trouble}: the gate closed after {took:.2f} s (interval 0.5 s, deadline 3 s)")
    finally:
        loop.close()


def test_a_frozen_engine_is_left_at_the_deadline(engine: Dockerd):
    door = Engine(engine.url)
    door.list(10)
    engine.freeze()
    began = time.monotonic()
    for call in (lambda: door.ping(0.5), lambda: door.list(0.5), lambda: door.events(None, 0.5)):
        with pytest.raises(DeadlinePassed):
            call()
    assert time.monotonic() - began < 60
    engine.thaw()
    door.ping(10)


def test_acts_on_real_containers(engine: Dockerd):
    door = Engine(engine.url)
    box = engine.run("web", "sh", "-c", "trap 'exit 5' TERM; echo hello; while true; do sleep 0.1; done")
    assert door.exec(box, ["sh", "-c", "echo out; exit 4"], 20) == (4, "out\n")
    assert sorted(door.exec(box, ["sh", "-c", "echo out; echo err >&2"], 20)[1].split()) == ["err", "out"]
    assert len(door.exec(box, ["sh", "-c", "yes | head -c 500000"], 20)[1]) <= 64 << 10
    with pytest.raises(DeadlinePassed):
        door.exec(box, ["sleep", "30"], 1)
    assert b"hello" in poll(lambda: door.logs(box, 0, 20, 10_000), 10)
    assert door.top(box, 20)["Processes"]
    with pytest.raises(Refused):
        door.remove(box, 20)
    assert engine.inspect(box)["State"]["Running"]
    door.stop(box, 10, 1)
    assert engine.inspect(box)["State"]["ExitCode"] == 5  # the stop signal reached it; nothing was killed
    door.start(box, 20)
    door.restart(box, None, 20)
    assert engine.inspect(box)["State"]["Running"]
    door.stop(box, 10, 20)
    door.remove(box, 20)
    with pytest.raises(NotFound):
        door.inspect(box, 20)


def test_a_hundred_looks_keep_descriptors_and_threads(engine: Dockerd, open_room):
    for number in range(5):
        engine.run(f"box{number}", "sleep", "1000")
    room = open_room(engine.url)
    for _ in range(5):
        room.collect()
    hearing(room)

    def settled() -> tuple[int, int]:
        time.sleep(0.3)
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = settled()
    for turn in range(100):
        if turn % 25 == 0:
            engine.post("box0", "restart", t=0)
        room.collect()
    poll(lambda: settled()[0] <= before[0] and settled()[1] <= before[1], 90, f"as few as before: {before}")
