"""A program in a container is streamed whole or its end is named: every cut, every layer of patience, and what must not be lost."""

from __future__ import annotations

import hashlib
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.collectors.docker.fake import ExecStreams, FakeEngine, FakeEngineWorld
from watchdog.errors import Cut, DeadlinePassed, MalformedAnswer, Refused, Stopping, Unreachable
from watchdog.model.transfers import Patience
from watchdog.runtime.engine import Engine
from watchdog.runtime.engine.streaming import Frames

LONG = Patience(60, 60, 60, 60, 120)


@pytest.fixture
def world() -> FakeEngineWorld:
    return FakeEngineWorld()


@pytest.fixture
def fake(world: FakeEngineWorld) -> Iterator[FakeEngine]:
    with tempfile.TemporaryDirectory(prefix="wdf-") as directory, FakeEngine(world, Path(directory) / "d.sock") as engine:
        yield engine


class Caught:
    """Two sinks."""

    def __init__(self) -> None:
        self.out, self.err = bytearray(), bytearray()

    def run(self, fake: FakeEngine, argv=("backup",), patience=LONG, **more) -> int:
        return Engine(fake.url).exec_stream("app", argv, self.out.extend, self.err.extend, patience=patience, **more)


def wait_until(look, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_both_streams_arrive_whole_and_apart_with_the_exit_code(world, fake):
    payload = random.Random(1).randbytes(3 << 20)

    def program(argv, streams: ExecStreams) -> int:
        assert argv == ("make", "it")
        for at in range(0, len(payload), 50_001):
            streams.out(payload[at : at + 50_001])
            streams.err(b"Backup requested\n") if at == 0 else None
        return 4

    world.run("app", program=program)
    caught = Caught()
    assert caught.run(fake, ["make", "it"]) == 4
    assert hashlib.sha256(caught.out).digest() == hashlib.sha256(payload).digest()
    assert bytes(caught.err) == b"Backup requested\n"
    assert "exec_die" in [event["Action"] for event in world.replay(0.0)[1]]


def test_a_key_goes_in_by_stdin_and_stands_in_no_argv(world, fake):
    def program(argv, streams: ExecStreams) -> int:
        streams.out(b"got " + streams.stdin.readline().strip() + streams.stdin.read())
        return 0

    world.run("app", program=program)
    caught = Caught()
    assert caught.run(fake, ["backup", "--key=-"], stdin=b"secret\n") == 0
    assert bytes(caught.out) == b"got secret"
    assert not any("secret" in str(event) for event in world.replay(0.0)[1])


def test_more_than_a_key_is_refused(fake):
    with pytest.raises(Refused):
        Caught().run(fake, stdin=b"x" * 70_000)


def test_a_program_that_is_silent_from_the_start_is_named(world, fake):
    world.run("app", program=lambda _, streams: streams.wait() or 0)
    with pytest.raises(DeadlinePassed, match="no first byte"):
        Caught().run(fake, patience=Patience(30, 0.7, 60, 60, 60))


def test_a_silence_in_the_middle_is_named_with_what_came(world, fake):
    def program(_, streams: ExecStreams) -> int:
        streams.out(b"x" * 1000)
        streams.wait()
        return 0

    world.run("app", program=program)
    caught = Caught()
    with pytest.raises(DeadlinePassed, match="1008 bytes, then none for"):
        caught.run(fake, patience=Patience(30, 60, 0.7, 60, 60))
    assert len(caught.out) == 1000


def test_a_drip_is_no_progress(world, fake):
    def program(_, streams: ExecStreams) -> int:
        while True:
            streams.out(b"x")
            streams.wait(lambda: True)
            time.sleep(0.02)

    world.run("app", program=program)
    with pytest.raises(DeadlinePassed, match="fewer than 65536 bytes"):
        Caught().run(fake, patience=Patience(30, 60, 60, 1.0, 60))


def test_all_of_it_has_an_end(world, fake):
    def program(_, streams: ExecStreams) -> int:
        while True:
            streams.out(b"x" * 100_000)
            time.sleep(0.01)

    world.run("app", program=program)
    with pytest.raises(DeadlinePassed, match="not finished within 1 s"):
        Caught().run(fake, patience=Patience(30, 60, 60, 60, 1.0))


def test_our_own_slow_disk_is_nobodys_silence(world, fake):
    def program(_, streams: ExecStreams) -> int:
        for _ in range(3):
            streams.out(b"x" * 100)
        return 0

    world.run("app", program=program)
    slow = Caught()

    def sink(piece: bytes) -> None:
        time.sleep(1.5)  # longer than any layer below
        slow.out.extend(piece)

    code = Engine(fake.url).exec_stream("app", ["x"], sink, slow.err.extend, patience=Patience(30, 1.0, 1.0, 1.0, 120))
    assert (code, len(slow.out)) == (0, 300)


def test_who_is_told_to_stop_stops_and_the_program_inside_lives_on(world, fake):
    release = threading.Event()

    def program(_, streams: ExecStreams) -> int:
        streams.out(b"x")
        streams.wait(release.is_set)
        return 0

    world.run("app", program=program)
    asked: list[int] = []

    def alive() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise Stopping("the program is ending")

    with pytest.raises(Stopping):
        Caught().run(fake, ["manage.py", "backup"], alive=alive)
    engine = Engine(fake.url)
    assert "manage.py backup" in str(engine.top("app", 20)["Processes"])
    release.set()
    wait_until(lambda: "manage.py backup" not in str(engine.top("app", 20)["Processes"]))


def test_what_a_sink_raises_passes_as_it_is(world, fake):
    world.run("app", program=lambda _, streams: streams.out(b"x" * 10) or 0)

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Engine(fake.url).exec_stream("app", ["x"], full, full, patience=LONG)


def test_a_crash_of_the_engine_is_a_cut_and_never_an_end(world, fake):
    def program(_, streams: ExecStreams) -> int:
        streams.out(b"x" * 5000)
        world.crash_engine()
        return 0

    world.run("app", program=program)
    with pytest.raises((Cut, Unreachable)):
        Caught().run(fake)


def test_a_program_that_dies_with_its_container_says_137(world, fake):
    def program(_, streams: ExecStreams) -> int:
        streams.out(b"x" * 5000)
        world.oom("app")
        streams.out(b"never")
        return 0

    world.run("app", program=program)
    caught = Caught()
    assert caught.run(fake) == 137
    assert bytes(caught.out) == b"x" * 5000


@pytest.mark.parametrize("step", [1, 3, 7, 8, 9, 64, 10_000])
def test_frames_cut_anywhere_are_whole_again(step: int):
    out, err = bytearray(), bytearray()
    frames = Frames(out.extend, err.extend, "x")
    raw = b"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1!"
    for at in range(0, len(raw), step):
        assert frames.whole or at
        frames.feed(raw[at : at + step])
    assert (bytes(out), bytes(err), frames.whole) == (b"hello!", b"err", True)
    frames.feed(b"\1\0\0")
    assert not frames.whole


def test_what_is_not_framed_is_named():
    with pytest.raises(MalformedAnswer, match="terminal"):
        Frames(print, print, "x").feed(b"PK\3\4\n\n\n\n\n")


def test_nobody_listening_is_unreachable(tmp_path: Path):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / "s.sock"))
    stale.close()
    with pytest.raises(Unreachable):
        Engine(f"unix://{tmp_path}/s.sock").exec_stream("app", ["x"], print, print, patience=LONG)
