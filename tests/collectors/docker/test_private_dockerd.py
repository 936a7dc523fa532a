"""The test's own dockerd is what it claims: private, real, crashable, and it leaves nothing behind."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.dockerd import Dockerd, missing, poll

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("dockerd")]


def test_runs_containers_and_tells_their_state(engine: Dockerd):
    box = engine.run("runner", "sleep", "1000", labels={"who": "me"}, memory=32 << 20)
    assert engine.inspect(box)["State"]["Status"] == "running"
    assert engine.list()[0]["Labels"] == {"who": "me"}
    assert engine.exec(box, "false") == 1
    sick = engine.run("sick", "sleep", "1000", health="test -f /nowhere")
    assert engine.wait_state(sick, "unhealthy")["State"]["Health"]["Status"] == "unhealthy"


def test_crash_and_return_end_the_containers(engine: Dockerd):
    box = engine.run("victim", "sleep", "1000")
    init = engine.inspect(box)["State"]["Pid"]
    engine.kill()
    assert Path(f"/proc/{init}").exists()
    engine.start()
    assert engine.wait_state(box, "exited")
    poll(lambda: not Path(f"/proc/{init}").exists(), 10, "the container's init has gone")


def test_frozen_it_accepts_and_never_answers(engine: Dockerd):
    engine.freeze()
    with pytest.raises((TimeoutError, http.client.HTTPException)):
        engine.call("GET", "/_ping", seconds=0.5)
    engine.thaw()
    assert engine.call("GET", "/_ping") == b"OK"


def test_close_leaves_no_process_no_mount_and_no_file_even_after_a_crash():
    require(not missing(), missing())
    with Dockerd() as mine:
        mine.run("leftover", "sleep", "1000")
        assert len(mine._processes()) >= 4  # dockerd, containerd, shim, sleep
        mine.kill()
    assert mine._processes() == []
    assert mine._mounts() == []
    assert not mine.root.exists()
