"""The fake engine answers as a real one does: through our own engine room, and key by key against dockerd 20.10."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.dockerd import Dockerd, poll
from watchdog.collectors.docker.fake import FakeEngine, FakeEngineWorld
from watchdog.collectors.docker.fake.shapes import human
from watchdog.collectors.docker.listing import age_of
from watchdog.errors import NotFound, Refused
from watchdog.model.docker import Mount
from watchdog.runtime.engine import Engine


def test_acts_change_the_world(world: FakeEngineWorld, fake: FakeEngine):
    engine = Engine(fake.url)
    box = world.add("web", exec_result=lambda argv: (3, " ".join(argv).encode()))
    engine.start(box, 5)
    engine.start(box, 5)  # 304
    assert world.get("web").state == "running"
    assert engine.exec("web", ["echo", "hi"], 5) == (3, "echo hi")
    with pytest.raises(Refused):
        engine.remove("web", 5)
    assert engine.top("web", 5)["Titles"][0] == "UID"
    engine.restart("web", None, 5)
    engine.stop("web", 1, 5)
    engine.stop("web", 1, 5)  # 304
    assert world.get("web").state == "exited"
    with pytest.raises(Refused):
        engine.top("web", 5)
    engine.remove("web", 5)
    for call in (engine.start, engine.inspect, engine.remove, engine.top):
        with pytest.raises(NotFound):
            call("web", 5)


def test_logs_are_framed_since_and_capped(world: FakeEngineWorld, fake: FakeEngine):
    world.run("web", log=[(1000.0, b"old"), (2000.5, b"new"), (2001.0, b"newer")])
    world.run("tty", tty=True, log=[(2000.5, b"raw")])
    engine = Engine(fake.url)
    assert engine.logs("web", 2000.0, 5, 10_000) == b"1970-01-01T00:33:20.500000000Z new\n1970-01-01T00:33:21.000000000Z newer\n"
    assert engine.logs("web", 2000.0, 5, 40)[-5:] == b"1970-"
    assert engine.logs("tty", 0, 5, 10_000) == b"1970-01-01T00:33:20.500000000Z raw\n"


def test_names_are_unique_and_ids_may_be_shortened(world: FakeEngineWorld):
    box = world.add("web")
    with pytest.raises(Exception, match="already in use"):
        world.add("web")
    assert world.get(box[:12]).name == "web"


@pytest.mark.parametrize("seconds", [0.2, 1, 3, 59, 60, 119, 120, 3599, 3600, 5399, 5401, 7200, 100_000, 172_800, 1e6, 1e7, 1e8])
def test_ages_in_words_lie_within_their_bounds(seconds: float):
    age = age_of(f"Up {human(seconds)}")
    assert age.low <= seconds <= age.high


def keys(value: object) -> object:
    """Return the shape of a JSON value: names and kinds, no contents."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in sorted(value.items())}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return "null" if value is None else "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "text"


FREE = {"Log", "Components", "MaskedPaths", "ReadonlyPaths", "Binds", "ExecIDs", "Args", "Cmd"}


def same(real: object, fake: object, where: str = "") -> list[str]:
    """Return where two shapes differ; null matches anything, and what nobody reads (FREE) is not compared."""
    if isinstance(real, dict) and isinstance(fake, dict):
        found = [f"{where}: only real has {k}" for k in real.keys() - fake.keys()] + [
            f"{where}: only fake has {k}" for k in fake.keys() - real.keys()
        ]
        return found + [line for k in real.keys() & fake.keys() - FREE for line in same(real[k], fake[k], f"{where}.{k}")]
    if isinstance(real, list) and isinstance(fake, list):
        return same(real[0], fake[0], where + "[]") if real and fake else []
    return [] if "null" in (real, fake) or real == fake else [f"{where}: {real} is not {fake}"]


@pytest.mark.docker
@pytest.mark.xdist_group("dockerd")
def test_shapes_are_those_of_a_real_engine(engine: Dockerd, world: FakeEngineWorld, fake: FakeEngine):
    began = time.time()
    engine.run("web", "sleep", "1000", labels={"a": "b"}, health="true", memory=32 << 20, binds=["/tmp:/data"])
    engine.create("fresh", "true")
    engine.run("gone", "sh", "-c", "exit 3")
    engine.wait_state("gone", "exited")
    engine.wait_state("web", "healthy")
    engine.run("held", "sleep", "1000")
    engine.post("held", "pause")
    engine.run("auto", "sh", "-c", "exit 1", auto_remove=True)
    poll(lambda: len(engine.list()) == 4, 20, "auto has gone")
    mounts = (Mount("/tmp", "/data"),)
    world.run("web", "watchdog-test:latest", labels={"a": "b"}, health="starting", memory=32 << 20, mounts=mounts)
    world.add("fresh", command=("true",))
    world.run("gone", command=("sh", "-c", "exit 3"))
    world.die("gone", 3)
    world.set_health("web", "healthy")
    world.run("held")
    world.pause("held")
    world.run("auto", auto_remove=True)
    world.die("auto", 1)
    real, ours = Engine(engine.url), Engine(fake.url)
    by_name = [{r["Names"][0]: r for r in e.list(10)} for e in (real, ours)]
    differences = []
    for name in ("web", "fresh", "gone", "held"):
        differences += same(keys(by_name[0][f"/{name}"]), keys(by_name[1][f"/{name}"]), f"list {name}")
        differences += same(keys(real.inspect(name, 10)), keys(ours.inspect(name, 10)), f"inspect {name}")
        assert by_name[0][f"/{name}"]["State"] == by_name[1][f"/{name}"]["State"]
    differences += same(keys(real.version(10)), keys(ours.version(10)), "version")
    differences += same(keys(real.top("web", 10)), keys(ours.top("web", 10)), "top")
    told = real.info(10)
    differences += [f"info: only fake has {k}" for k in ours.info(10).keys() - told.keys()]
    raw = engine.call("GET", "/events", query={"since": int(began), "until": int(time.time()) + 1})
    told_by = [
        [e for e in found if e["Type"] == "container" and not e["Action"].startswith("exec_")]  # health checks
        for found in ([json.loads(line) for line in raw.splitlines()], json.loads(json.dumps([dict(e) for e in world.replay(0)[1]])))
    ]
    stories = [
        {name: [e["Action"] for e in told if e["Actor"]["Attributes"]["name"] == name] for name in ("web", "fresh", "gone", "held", "auto")}
        for told in told_by
    ]
    assert stories[0] == stories[1]
    for action in ("create", "die", "health_status: healthy"):
        differences += same(*(keys(next(e for e in told if e["Action"] == action)) for told in told_by), action)
    assert differences == []


@pytest.mark.docker
@pytest.mark.xdist_group("dockerd")
def test_refusals_are_those_of_a_real_engine(engine: Dockerd, world: FakeEngineWorld, fake: FakeEngine):
    engine.run("web", "sleep", "1000")
    engine.create("fresh", "true")
    world.run("web")
    world.add("fresh")
    for call in (
        lambda e: e.inspect("nope", 10), lambda e: e.start("nope", 10), lambda e: e.stop("nope", 0, 10), lambda e: e.remove("web", 10),
        lambda e: e.top("fresh", 10), lambda e: e.exec("fresh", ["true"], 10), lambda e: e.exec("nope", ["true"], 10),
        lambda e: e.remove("nope", 10), lambda e: e.restart("nope", None, 10), lambda e: e.start("web", 10),
        lambda e: e.stop("fresh", 0, 10),
    ):  # fmt: skip
        ends = []
        for url in (engine.url, fake.url):
            try:
                call(Engine(url))
                ends.append("well")
            except (NotFound, Refused) as error:
                ends.append(type(error).__name__)
        assert ends[0] == ends[1]
