"""The collector on the fake engine: cheap, right, and calm in every trouble."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.support.books import MemoryTallyBook
from tests.support.dockerd import poll
from watchdog.collectors.docker import events
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.inspections import Listed
from watchdog.collectors.docker.listing import parse_container
from watchdog.collectors.docker.metrics import GATE_SPECS, SPECS, label_names, specs
from watchdog.errors import DeadlinePassed, Forbidden, ServerFault, Unreachable
from watchdog.model.docker import DockerFacts, Gate, Mount
from watchdog.model.metrics import families
from watchdog.runtime.clock import SimulatedClock


def inspects(world: FakeEngineWorld) -> int:
    return sum(request.endswith("/json") and "/containers/" in request and request != "GET /containers/json" for request in world.requests)


def lists(world: FakeEngineWorld) -> int:
    return world.requests.count("GET /containers/json")


def hearing(room) -> None:
    poll(lambda: room.tail.stream.connected, 90, "events are heard")


def total(facts: DockerFacts, kind: str, name: str) -> float:
    return facts.tallies.get((kind, name), 0.0)


def collect_until(room, wanted, seconds: float = 90.0) -> DockerFacts:
    found: list[DockerFacts] = []

    def look() -> bool:
        found.append(room.collect())
        return bool(wanted(found[-1]))

    poll(look, seconds, "the facts wanted")
    return found[-1]


def test_facts_of_every_state(world, fake, open_room):
    mounts = (Mount("/srv", "/data"),)
    world.run("web", "nginx:1", labels={"keep": "1", "drop": "2"}, health="healthy", mounts=mounts, restart_policy="always")
    world.run("gone")
    world.die("gone", 3)
    world.run("still")
    world.pause("still")
    world.add("fresh")
    world.run("sick", health="unhealthy")
    world.run("stale", health="unhealthy")
    world.stop("stale")
    facts = open_room(fake.url, labels=("keep",)).collect()
    web, gone = facts.by_name("web"), facts.by_name("gone")
    assert (web.state, web.health, web.exit_code, web.restart_policy, web.labels) == ("running", "healthy", None, "always", {"keep": "1"})
    assert web.pid is not None
    assert web.mounts == mounts
    assert (gone.state, gone.exit_code, gone.pid, gone.oom_killed) == ("exited", 3, None, False)
    assert gone.finished_at >= gone.started_at
    assert (facts.by_name("still").state, facts.by_name("still").exit_code) == ("paused", None)
    assert (facts.by_name("fresh").state, facts.by_name("fresh").started_at) == ("created", None)
    assert facts.by_name("sick").health == "unhealthy"
    assert facts.by_name("stale").health is None
    assert facts.engine_id == world.engine_id
    assert facts.version == "20.10.24+dfsg1"


def test_one_list_per_look_and_one_inspect_per_change(world, fake, open_room):
    for number in range(20):
        world.run(f"box{number}")
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    assert inspects(world) == 20
    for _ in range(10):
        room.collect()
    assert (inspects(world), lists(world)) == (20, 11)
    world.die("box3", 1)
    world.run("new")
    poll(lambda: {("die", "box3"), ("start", "new")} <= {(e.action, e.name) for e in room.tail.recent()}, 90, "both events are heard")
    facts = collect_until(room, lambda f: f.by_name("box3").finished_at and f.by_name("new").started_at)
    assert facts.by_name("box3").exit_code == 1
    looked = inspects(world)
    assert 22 <= looked <= 24
    for _ in range(5):
        room.collect()
    assert inspects(world) <= looked + 2  # an event that came after the list: once more, not for ever
    settled = inspects(world)
    for _ in range(5):
        room.collect()
    assert inspects(world) == settled
    assert not [r for r in world.requests if "stats" in r]
    assert sum(r == "GET /info" for r in world.requests) <= 2


def test_inspects_are_bounded_per_look_and_all_come_in_the_end(world, fake, open_room):
    for number in range(25):
        world.run(f"box{number}")
    room = open_room(fake.url, inspects_per_look=10)
    counts = []
    for _ in range(4):
        facts = room.collect()
        counts.append(sum(c.started_at is not None for c in facts.containers))
    assert counts == [10, 20, 25, 25]


def test_a_restart_is_seen_even_when_no_event_told_of_it(world, fake, open_room):
    clock = SimulatedClock(wall=1_800_000_000.0)
    world.clock = clock
    world.run("web")
    room = open_room(fake.url, clock=clock)
    first = room.collect().by_name("web").started_at
    clock.advance(86_400.0)
    assert room.collect().by_name("web").started_at == first
    before = inspects(world)
    container = world.get("web")
    container.started_at = clock.now().wall - 5.0
    assert room.collect().by_name("web").started_at == pytest.approx(clock.now().wall - 5.0, abs=0.01)
    assert inspects(world) == before + 1


def test_a_container_that_goes_between_list_and_inspect_is_no_failure(world, fake, open_room, monkeypatch):
    world.run("web")
    room = open_room(fake.url)
    row = room.room.engine_read.list(5)
    world.remove("web", force=True)
    monkeypatch.setattr(room.room.engine_read, "list", lambda seconds: row)
    facts = room.collect()
    assert facts.by_name("web").state == "running"
    assert facts.by_name("web").started_at is None


def test_counts_outlive_the_container_and_auto_remove(world, fake, open_room):
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.run("MCSM-1", auto_remove=True, labels={"mcsmanager.instance.uuid": "u"})
    world.oom("MCSM-1")
    facts = collect_until(room, lambda f: any(e.action == "destroy" for e in f.events))
    assert facts.by_name("MCSM-1") is None
    assert (total(facts, "oom", "MCSM-1"), total(facts, "die", "MCSM-1"), total(facts, "start", "MCSM-1")) == (1, 1, 1)
    assert [e.action for e in facts.events if e.name == "MCSM-1"] == ["create", "start", "oom", "die", "destroy"]
    assert next(e for e in facts.events if e.action == "die").exit_code == 137
    poll(lambda: room.wakes, 90, "the collector is woken")


def test_137_alone_is_no_oom_and_a_child_oom_is_one(world, fake, open_room):
    world.run("a")
    world.run("b")
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.kill("a")
    world.oom("b", child=True)
    facts = collect_until(room, lambda f: total(f, "oom", "b") and total(f, "die", "a"))
    assert total(facts, "oom", "a") == 0
    assert (total(facts, "oom", "b"), total(facts, "die", "b")) == (1, 0)
    assert facts.by_name("b").running


def test_restarts_by_policy_and_turns_to_unhealthy_are_counted(world, fake, open_room):
    world.run("web", restart_policy="always", restart_count=4, health="healthy")
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.policy_restart("web")
    world.policy_restart("web")
    world.set_health("web", "unhealthy")
    facts = collect_until(room, lambda f: total(f, "restart", "web") and total(f, "unhealthy", "web"))
    assert (total(facts, "restart", "web"), total(facts, "unhealthy", "web")) == (2, 1)
    assert facts.by_name("web").restart_count == 6


def test_a_restart_of_ours_counts_nothing_twice_and_misses_nothing(world, fake, open_room):
    book = MemoryTallyBook()
    first = open_room(fake.url, book)
    first.collect()
    hearing(first)
    world.run("web")
    world.oom("web", child=True)
    collect_until(first, lambda f: total(f, "oom", "web") == 1)
    first.close()
    world.oom("web", child=True)
    world.die("web", 1)
    second = open_room(fake.url, book)
    facts = collect_until(second, lambda f: total(f, "die", "web"))
    for _ in range(3):
        facts = second.collect()
    assert (total(facts, "oom", "web"), total(facts, "die", "web"), total(facts, "start", "web")) == (2, 1, 1)


def test_what_was_before_our_first_life_is_not_counted(world, fake, open_room):
    world.run("old", restart_count=7)
    world.oom("old", child=True)
    world.run("killed")
    world.oom("killed")
    time.sleep(0.01)
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.run("new")
    facts = collect_until(room, lambda f: total(f, "start", "new"))
    assert facts.tallies == {("start", "new"): 1.0}


def test_without_a_ledger_counts_wait_and_nothing_is_exported(world, fake, open_room):
    book = MemoryTallyBook()
    book.away = True
    room = open_room(fake.url, book)
    assert not room.collect().counted
    hearing(room)
    world.run("web")
    world.oom("web")
    poll(lambda: len(room.tail.recent()) == 4, 90, "events heard")
    facts = room.collect()
    assert (facts.counted, facts.tallies) == (False, {})
    book.away = False
    facts = room.collect()
    assert facts.counted
    assert (total(facts, "oom", "web"), total(facts, "die", "web")) == (1, 1)


def test_a_ledger_that_goes_away_and_one_that_loses_its_answer_lose_and_double_nothing(world, fake, open_room):
    book = MemoryTallyBook()
    room = open_room(fake.url, book)
    room.collect()
    hearing(room)
    world.run("web")
    collect_until(room, lambda f: total(f, "start", "web"))
    book.away = True
    world.restart("web")
    facts = collect_until(room, lambda f: total(f, "start", "web") == 2)
    assert total(facts, "die", "web") == 1
    book.away = False
    book.lose_answer = True
    room.collect()
    world.restart("web")
    collect_until(room, lambda f: total(f, "start", "web") == 3)
    room.collect()
    counts = book.kept[f"docker/{world.engine_id}"].counts
    assert counts == {("start", "web"): 3.0, ("die", "web"): 2.0}


def test_names_beyond_the_limit_are_counted_together(world, fake, open_room):
    room = open_room(fake.url, names_limit=3)
    room.collect()
    hearing(room)
    for number in range(6):
        world.run(f"random_{number}")
    facts = collect_until(room, lambda f: sum(f.tallies.values()) == 6)
    assert total(facts, "start", "(other)") == 3


def test_a_crashed_engine_drops_the_stream_and_it_comes_back_with_nothing_lost_or_doubled(world, fake, open_room):
    world.run("web")
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.oom("web", child=True)
    collect_until(room, lambda f: total(f, "oom", "web") == 1)
    wakes = room.wakes
    world.crash_engine()
    poll(lambda: room.tail.stream.dropped_at, 90, "the drop is noticed")
    assert not room.tail.stream.connected
    poll(lambda: room.wakes > wakes, 90, "the collector is woken by the drop")
    with pytest.raises(Unreachable):
        room.collect()
    world.restart_engine()
    poll(lambda: room.tail.stream.connected, 90, "the stream is back")
    facts = room.collect()
    assert facts.stream.reconnects == 1
    assert facts.by_name("web").state == "exited"
    world.start("web")
    facts = collect_until(room, lambda f: total(f, "start", "web") == 1)
    assert total(facts, "oom", "web") == 1


def test_events_missed_while_the_stream_is_cut_are_heard_again_once(world, fake, open_room):
    world.run("web")
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    for turn in range(5):
        room.tail._feed.close()  # the connection drops; the engine lives on
        world.restart("web")
        collect_until(room, lambda f, turn=turn: total(f, "die", "web") == turn + 1)
    facts = room.collect()
    assert (total(facts, "start", "web"), total(facts, "die", "web")) == (5, 5)
    seen = [(e.at, e.action) for e in facts.events]
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)


def test_silence_is_no_drop(world, fake, open_room):
    room = open_room(fake.url, events_silence="1s")
    room.collect()
    hearing(room)
    opened = world.requests.count("GET /events")
    poll(lambda: world.requests.count("GET /events") > opened + 2, 90, "the stream was opened anew")
    assert room.tail.stream.dropped_at is None
    assert room.tail.stream.reconnects == 0
    world.run("web")
    poll(room.tail.recent, 90, "still heard")


def test_a_hung_engine_is_noticed_by_the_stream_as_well(world, fake, open_room):
    room = open_room(fake.url, events_silence="1s")
    room.collect()
    hearing(room)
    world.hang()
    poll(lambda: room.tail.stream.dropped_at, 90, "the drop is noticed")
    world.heal()
    hearing(room)


@pytest.mark.parametrize(("trouble", "error"), [("hang", DeadlinePassed), ("answer_500", ServerFault), ("crash_engine", Unreachable)])
def test_trouble_raises_within_the_deadline_and_ends_by_itself(world, fake, open_room, trouble, error):
    world.run("web")
    room = open_room(fake.url, deadline="2s")
    room.collect()
    getattr(world, trouble)()
    began = time.monotonic()
    with pytest.raises(error):
        room.collect()
    assert time.monotonic() - began < 60
    world.restart_engine() if trouble == "crash_engine" else world.heal()
    assert room.collect().by_name("web")


def test_a_hanging_inspect_fails_alone_and_is_not_asked_in_each_look(world, fake, open_room, monkeypatch):
    for number in range(5):
        world.run(f"box{number}")
    room = open_room(fake.url)
    inspect, asked = room.room.engine_read.inspect, []
    stuck = world.get("box2").id

    def hanging(container: str, seconds: float):
        asked.append(container)
        if container == stuck:
            raise DeadlinePassed("it hangs")
        return inspect(container, seconds)

    monkeypatch.setattr(room.room.engine_read, "inspect", hanging)
    for _ in range(4):
        facts = room.collect()
    assert asked.count(stuck) == 1
    assert [c.name for c in facts.containers if c.started_at is None] == ["box2"]


def test_a_hundred_looks_keep_descriptors_and_threads(world, fake, open_room):
    world.run("web")
    room = open_room(fake.url)
    for _ in range(5):
        room.collect()
    hearing(room)

    def settled() -> tuple[int, int]:
        time.sleep(0.3)
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    before = settled()
    for turn in range(100):
        if turn % 10 == 0:
            world.restart("web")
        room.collect()
    poll(lambda: settled()[0] <= before[0] and settled()[1] <= before[1], 90, f"as few as before: {before}")


def test_labels_named_name_or_image_do_not_confuse_events(world, fake, open_room):
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    world.run("web", labels={"name": "liar", "image": "liar", "exitCode": "9"})
    poll(lambda: len(room.tail.recent()) == 2, 90, "heard")
    assert {e.name for e in room.tail.recent()} == {"web"}
    assert {e.exit_code for e in room.tail.recent()} == {None}


def test_metrics_of_a_small_world(world, fake, open_room):
    world.run("web", labels={"app.name": "x"}, health="healthy")
    world.run("gone")
    world.die("gone", 3)
    room = open_room(fake.url, labels=("app.name", "app-name"))
    facts = room.collect()
    found = {family.metric.name: dict(family.rows) for family in families(room.room.specs, facts)}
    web = facts.by_name("web")
    assert found["watchdog_docker_containers"][("running",)] == 1
    assert found["watchdog_docker_containers"][("dead",)] == 0
    assert found["watchdog_docker_container_state"] == {("gone", "exited"): 1.0, ("web", "running"): 1.0}
    assert found["watchdog_docker_container_running"] == {("web",): 1.0, ("gone",): 0.0}
    assert found["watchdog_docker_container_health"] == {("web", "healthy"): 1.0}
    assert found["watchdog_docker_container_exit_code"] == {("gone",): 3.0}
    assert found["watchdog_docker_container_ooms_total"] == {("gone",): 0.0, ("web",): 0.0}
    assert found["watchdog_docker_container_start_timestamp_seconds"][("web",)] == web.started_at
    assert found["watchdog_docker_container_info"][("web", web.id, "busybox:latest", web.image_id, "none", "no")] == 1.0
    assert found["watchdog_docker_container_labels_info"] == {("web", "x", ""): 1.0}
    assert list(label_names(["app.name", "app-name"]).values()) == ["label_app_name", "label_app_name_"]
    assert specs(()) == SPECS


def test_counters_are_not_exported_before_they_are_loaded(world, fake, open_room):
    world.run("web")
    book = MemoryTallyBook()
    book.away = True
    facts = open_room(fake.url, book).collect()
    found = {family.metric.name: family.rows for family in families(SPECS, facts)}
    assert found["watchdog_docker_container_ooms_total"] == ()


def test_rows_have_as_many_values_as_labels_and_names_are_one_each(world, fake, open_room):
    world.run("web", health="healthy")
    facts = open_room(fake.url, labels=("a",)).collect()
    tables = [(family, family.rows) for family in (*families(specs(("a",)), facts), *families(GATE_SPECS, Gate()))]
    names = [family.metric.name for family, _ in tables]
    assert len(names) == len(set(names))
    for family, rows in tables:
        assert len({labels for labels, _ in rows}) == len(rows)
        assert all(len(labels) == len(family.metric.labels) for labels, _ in rows), family.metric.name


def test_two_thousand_containers_cost_one_list_each_look(world, fake: FakeEngine, open_room):
    for number in range(2000):
        world.run(f"box{number}", labels={"com.example.number": str(number)}, mounts=(Mount(f"/srv/{number}", "/data"),))
    room = open_room(fake.url, inspects_per_look=2000, deadline="60s")
    room.collect()
    hearing(room)
    # on a busy host the first look runs out of time before it has inspected all
    collect_until(room, lambda f: all(container.started_at for container in f.containers), 200.0)
    before = inspects(world)
    raw = room.room.engine_read.list(60)
    rows = [Listed.of(parse_container(row, {"com.example.number"}), row) for row in raw]
    facts = room.collect()
    assert len(rows) == len(facts.containers) == 2000
    assert inspects(world) <= before + 5


def test_an_info_that_is_slow_or_forbidden_costs_the_id_alone(world, fake, open_room, monkeypatch):
    world.run("web")
    room = open_room(fake.url)
    info = room.room.engine_read.info
    monkeypatch.setattr(room.room.engine_read, "info", lambda seconds: (_ for _ in ()).throw(DeadlinePassed("slow")))
    facts = room.collect()
    assert (facts.engine_id, facts.counted, len(facts.containers)) == ("", False, 1)
    monkeypatch.setattr(room.room.engine_read, "info", info)
    facts = room.collect()
    assert (facts.engine_id, facts.counted) == (world.engine_id, True)
    proxied = open_room(fake.url)
    monkeypatch.setattr(proxied.room.engine_read, "info", lambda seconds: (_ for _ in ()).throw(Forbidden("no INFO")))
    facts = proxied.collect()
    assert (facts.engine_id, facts.counted, len(facts.containers)) == ("", True, 1)


def test_facts_say_how_far_back_their_events_reach(world, fake, open_room):
    room = open_room(fake.url)
    before = time.time()
    facts = room.collect()
    assert before - 3600.0 - 1.0 <= facts.events_since <= time.time() - 3600.0 + 1.0


def test_events_that_gave_way_to_newer_ones_shorten_the_reach(world, fake, open_room, monkeypatch):
    monkeypatch.setattr(events, "_REMEMBERED", 4)
    room = open_room(fake.url)
    room.collect()
    hearing(room)
    began = time.time()
    for number in range(4):
        world.run(f"web-{number}")
    poll(lambda: len(room.tail.recent()) == 4, 90, "events heard")
    assert room.tail.reach() >= began - 1.0
    assert room.tail.reach() <= room.tail.recent()[-1].at
