"""The same streams from a real dockerd: framed, apart, with input, killed and orphaned."""

from __future__ import annotations

import pytest

from tests.support.dockerd import Dockerd, poll
from watchdog.errors import DeadlinePassed, Stopping
from watchdog.model.transfers import Patience
from watchdog.runtime.engine import Engine

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]
LONG = Patience(60, 90, 90, 90, 120)


def test_a_real_program_is_streamed_killed_and_left_behind(engine: Dockerd):
    door = Engine(engine.url)
    box = engine.run("app", "sleep", "1000")
    out, err = bytearray(), bytearray()
    script = "echo hello >&2; read key; echo key=$key; cat; head -c 3000000 /dev/zero; exit 3"
    assert door.exec_stream(box, ["sh", "-c", script], out.extend, err.extend, stdin=b"abc\nrest", patience=LONG) == 3
    assert (bytes(err), bytes(out[:12]), len(out)) == (b"hello\n", b"key=abc\nrest", 3_000_012)
    assert door.exec_stream(box, ["sh", "-c", "kill -9 $$"], out.extend, err.extend, patience=LONG) == 137
    assert door.exec_stream(box, ["true"], out.extend, err.extend, patience=LONG) == 0

    with pytest.raises(DeadlinePassed, match=r"bytes, then none for"):
        door.exec_stream(box, ["sh", "-c", "echo x; sleep 77"], out.extend, err.extend, patience=Patience(60, 90, 1.0, 90, 120))
    assert "sleep 77" in str(door.top(box, 20)["Processes"])  # ending the client ends nothing inside

    asked: list[int] = []

    def alive() -> None:
        asked.append(1)
        if len(asked) > 2:
            raise Stopping("the program is ending")

    script = "for i in $(seq 1 20); do head -c 1000000 /dev/zero; sleep 0.1; done; echo done > /tmp/done; sleep 88"
    with pytest.raises(Stopping):
        door.exec_stream(box, ["sh", "-c", script], lambda _: None, err.extend, patience=LONG, alive=alive)
    assert engine.exec(box, "ls", "/tmp/done") == 1
    poll(lambda: engine.exec(box, "ls", "/tmp/done") == 0, 90, "it goes on to its end, though nobody takes what it writes")
