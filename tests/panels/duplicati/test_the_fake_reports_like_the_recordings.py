"""The reports that the real servers posted, against the fake's: their members, and how long a receiver in trouble holds the task up."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from tests.support.duplicati_fake import RECORDINGS, VERSIONS, series, stage

RECORDED = json.loads((RECORDINGS / "webhooks.json").read_text(encoding="utf-8"))


@contextmanager
def receiver(status=204):
    """Receive reports; answer with ``status``, or never (None). Yields the address and what came: (content type, body)."""
    came, over = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            if status is None:
                over.wait()
                return
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook/secret", came
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def ended(server, clock, job):
    """Run a job to its end, the report's end included."""
    task = server.world.run(job)
    for _ in range(6000):
        clock.advance(1.0)
        server.tick()
        if task.closed:
            return task
        threading.Event().wait(0.01)
    raise AssertionError("the task never ended")


def reported(tmp_path, version, came, url, name, act=lambda _server, _job: None, kind="json"):
    """Return the report of one run, after ``act`` did something to the world."""
    setting = "--send-http-json-urls" if kind == "json" else "--send-http-form-urls"
    with stage(tmp_path / name, version) as (server, _caller, clock):
        job = server.world.add_job("photos", settings={setting: url, "--send-http-extra-parameters": "token=abc&x=1"})
        ended(server, clock, server.world.add_job("another"))
        act(server, job)
        ended(server, clock, job)
    return came[-1]


def fails(server, job):
    """Take the source away."""
    for path in sorted(server.world.folder.joinpath("source", "job-1").iterdir()):
        path.unlink()
    server.world.folder.joinpath("source", "job-1").rmdir()


def members(value):
    """Return the names in a report: of it, of its Data, its statistics, its extra members."""
    data = value["Data"]
    parts = [name for name in ("TestResults", "CompactResults", "DeleteResults") if data[name]]
    return sorted(value), list(data), sorted(value["Extra"]), list(data["BackendStatistics"]), parts


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_in_json(version, tmp_path):
    recorded = RECORDED[version]
    with receiver() as (url, came):
        content_type, body = reported(tmp_path, version, came, url, "success")
        told = json.loads(body)
        assert content_type == recorded["webhook-1"]["content_type"]
        assert members(told) == members(recorded["webhook-1"]["body"])
        assert (told["Data"]["ParsedResult"], told["Extra"]["backup-id"], told["Exception"]) == ("Success", "DB-1", None)
        _, body = reported(tmp_path, version, came, url, "failed", fails)
        told = json.loads(body)
        assert members(told) == members(recorded["webhook-failed-2"]["body"])
        assert told["Data"]["ParsedResult"] == recorded["webhook-failed-2"]["body"]["Data"]["ParsedResult"] == "Fatal"
        assert told["Exception"].partition(":")[0] == recorded["webhook-failed-2"]["body"]["Exception"].partition(":")[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_of_a_run_that_was_stopped(version, tmp_path):
    recorded = RECORDED[version]["webhook-stopped"]["body"]
    with receiver() as (url, came), stage(tmp_path, version) as (server, caller, clock):
        job = server.world.add_job("slow", settings={"--send-http-json-urls": url}, seconds=600)
        task = server.world.run(job)
        verb = "stopnow" if version == "2.1.0.5" else "stop"
        assert caller.post(f"task/{task.id}/{verb}").status == 200
        ended(server, clock, job)
        told = json.loads(came[-1][1])
    assert members(told)[1:3] == members(recorded)[1:3]
    for name in ("ParsedResult", "PartialBackup", "Interrupted"):
        assert told["Data"][name] == recorded["Data"][name]
    assert (told["Exception"] is None) == (recorded["Exception"] is None)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_report_as_a_form(version, tmp_path):
    recorded = RECORDED[version]["webhook-2"]
    with receiver() as (url, came):
        content_type, body = reported(tmp_path, version, came, url, "form", lambda _server, job: setattr(job, "warnings", 2), "form")
    assert content_type == recorded["content_type"]
    assert named(body.decode()) == named(recorded["body"])
    assert body.decode().partition("&")[2] == recorded["body"].partition("&")[2]


def named(form):
    """Return the names at the beginning of a report's lines, in their order, and how its times look."""
    lines = unquote(form.partition("&")[0].removeprefix("message=")).splitlines()
    names = [line.partition(":")[0] for line in lines[1:] if re.match(r"\w+: ", line) and not line.startswith("Limited")]
    return names, [re.sub(r"\d", "9", line) for line in lines if line.startswith("EndTime")]


TROUBLE = {"204": 204, "500": 500, "404": 404, "accepts, never answers": None}


@pytest.mark.parametrize("version", ["2.1.0.5", "2.3.0.4"])
def test_a_receiver_in_trouble(version, tmp_path):
    for number, row in enumerate(series(version)["webhook-receiver-in-trouble"]["rows"]):
        if row["webhook"] in {"none", "refused"}:
            continue
        with receiver(TROUBLE[row["webhook"]]) as (url, came), stage(tmp_path / str(number), version) as (server, _caller, clock):
            server.world.notices.clear()
            server.world.report_seconds = 0.2 if row["webhook"] == "accepts, never answers" else 30.0
            ended(server, clock, server.world.add_job("photos", settings={"--send-http-json-urls": url}))
            assert len(came) == row["posts_received"], row["webhook"]
            if "HasWarning" in row and row["webhook"] != "accepts, never answers":  # recorded while it was not yet over
                assert any(notice.kind == "Warning" for notice in server.world.notices) == row["HasWarning"], row["webhook"]


@pytest.mark.parametrize("version", ["2.1.0.5", "2.3.0.4"])
def test_a_task_is_active_until_its_report_was_answered(version, tmp_path):
    with receiver(None) as (url, came), stage(tmp_path, version) as (server, caller, clock):
        server.world.report_seconds = 600.0
        job = server.world.add_job("photos", settings={"--send-http-json-urls": url})
        server.world.add_job("another")
        task = server.world.run(job)
        caller.post("backup/2/run")
        for _ in range(6000):
            clock.advance(1.0)
            server.tick()
            if came:
                break
            threading.Event().wait(0.01)
        state = caller.state()
        assert state["ActiveTask"] == {"Item1": task.id, "Item2": "1"}
        assert [each["Item2"] for each in state["SchedulerQueueIds"]] == ["2"]
