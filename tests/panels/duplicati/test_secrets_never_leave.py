"""Secrets of a server, its jobs and its reports are looked for in all that the real program leaves: log, ledger, metrics, answers, argv.

The program lives through what could let one slip: an edit of a whole job, logins that are refused, answers that are none, failed runs whose
messages hold credentials, reports by their secret address, a restart.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.duplicati_program import TARGET, Household
from tests.support.planted import files_of, leaks
from watchdog.panels.duplicati.fake import AUTH_PASSWORD, PASSPHRASE, PASSWORD, SEND_TOKEN
from watchdog.panels.duplicati.fake.rows import Notice

pytestmark = pytest.mark.timeout(600)
DAY = 86_400
REPORT_SECRET = "planted-report-secret-0123456789"
WRONG_SECRET = "planted-wrong-report-secret"
WRONG_PASSWORD = "planted-wrong-password"
USER = "planted-user-name"
DIARY = "planted-private-diary"
MESSAGE = f"The folder s3://bucket?auth-username={USER}&auth-password={AUTH_PASSWORD} does not exist; passphrase {PASSPHRASE}"
PLANTED = (PASSWORD, PASSPHRASE, AUTH_PASSWORD, SEND_TOKEN, REPORT_SECRET, WRONG_SECRET, WRONG_PASSWORD, USER, DIARY)
PAGES = (
    "/metrics", "/", "/-/ready", "/api/v1/status", "/api/v1/drifts", "/api/v1/plans", "/api/v1/repairs", "/api/v1/history",
    "/api/v1/holdings", "/api/v1/ignores", "/api/v1/pauses?history=true", f"/api/v1/targets/{TARGET}/pauses/check", "/api/v1/archives",
    "/api/v1/nothing",
)  # fmt: skip
COMMANDS = (
    ("status",), ("plan", TARGET), ("pauses", "--history"), ("pauses", "check", TARGET), ("holdings",), ("history", "--json"), ("doctor",),
    ("check-config",),
)  # fmt: skip


def test_a_leak_in_any_spelling_would_be_seen() -> None:
    for text in (PASSWORD, f"x{PASSWORD}y", json.dumps({"a": PASSWORD}), PASSWORD.encode().hex()):
        assert leaks({"here": text}, PLANTED) == [f"here: {PASSWORD}"]
    assert leaks({"here": "cGxhbnRlZC1wcml2YXRlLWRpYXJ5"}, PLANTED) == [f"here: {DIARY}"]
    assert leaks({"here": "nothing"}, PLANTED) == []


def post(url: str, body: bytes) -> int:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def live_through_it(home: Household, running: Any, photos: Any) -> None:
    """Let the program do all that has to do with secrets."""
    world = home.world
    door = f"{running.url}/api/v1/duplicati/report/"
    # a report by its secret address, one by a wrong one, and a job whose settings hold a token of another receiver
    photos.settings.append({"Filter": "", "Name": "--send-http-json-urls", "Value": f"{door}{REPORT_SECRET}", "Argument": None})
    photos.settings.append({"Filter": "", "Name": "--send-http-form-urls", "Value": f"http://127.0.0.1:9/{SEND_TOKEN}", "Argument": None})
    world.run(photos)
    received = 'watchdog_inbound_reports_total{panel="duplicati",result="received",target="nas"}'
    running.wait_for("the report", lambda: f"{received} 1" in running.metrics())
    assert post(door + WRONG_SECRET, b"{}") == 404
    assert post(door + REPORT_SECRET, json.dumps({"Data": {"Message": MESSAGE}, "Extra": {}, "Exception": MESSAGE}).encode()) == 204
    running.wait_for("the end of the run", lambda: world.runs and world.runs[-1].ending != "" and home.idle)
    # messages that hold credentials, wherever a server puts one
    photos.metadata |= {"LastErrorMessage": MESSAGE, "LastErrorDate": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}
    world.notices.append(Notice(world.next_notice(), "Error", MESSAGE, MESSAGE, time.time(), exception=MESSAGE, backup=photos.id))
    running.wait_for("a failed job", lambda: "backup_failed" in {each["kind"] for each in running.drifts()})
    # the whole server and one job paused: a whole job with its passphrase goes to and fro
    home.command("pause", TARGET, "--for", "2h", "--reason", "secrets")
    home.command("pause", TARGET, "--task", "photos", "--for", "30h", "--reason", "secrets")
    running.wait_for("the pause", lambda: world.really_paused)
    running.wait_for("the move", lambda: photos.schedule.time > time.time() + DAY)
    # answers that are none, and a session that is refused
    world.switches.only, world.switches.body = "/api/v1/backup", json.dumps({"Error": MESSAGE}).encode()
    running.wait_for_passes(TARGET, 1)
    world.switches.only, world.switches.body = "/nowhere", None
    home.secret.write_text(WRONG_PASSWORD, encoding="ascii")
    world.key = b"another key" * 4
    running.wait_for("a refused login", lambda: not running.target(TARGET)["up"])
    home.secret.write_text(PASSWORD, encoding="ascii")
    running.wait_for("a good one", lambda: running.target(TARGET)["up"])
    home.server.kill()
    running.wait_for("a look that fails", lambda: not running.target(TARGET)["up"])
    home.server.start()
    running.wait_for("the pause again", lambda: running.target(TARGET)["up"] and world.really_paused)


def argv_of(pid: int) -> dict[str, bytes]:
    """Return the command lines of a process and its children."""
    children = [Path(f"/proc/{pid}/task/{task.name}/children") for task in Path(f"/proc/{pid}/task").iterdir()]
    pids = {pid, *(int(child) for each in children if each.exists() for child in each.read_text().split())}
    return {f"argv of {each}": path.read_bytes() for each in pids if (path := Path(f"/proc/{each}/cmdline")).exists()}


@pytest.mark.parametrize("release", ["2.1.0.5", pytest.param("2.3.0.4", marks=pytest.mark.soak)])
def test_no_planted_secret_is_anywhere(release: str) -> None:
    digest = hashlib.sha256(REPORT_SECRET.encode()).hexdigest()
    with Household(release, report={"secret_sha256": [digest]}) as home:
        query = f"auth-username={USER}&auth-password={AUTH_PASSWORD}"
        source = home.folder / "source"
        source.mkdir()
        (source / DIARY).write_text("dear diary")
        photos = home.world.add_job("photos", time=time.time() + 3600, passphrase=PASSPHRASE, target_query=query, sources=[source])
        home.world.settings["--send-http-url"] = f"http://127.0.0.1:9/{SEND_TOKEN}"
        settings = home.settings() | {"log": {"level": "debug"}}
        with home.program(settings=settings) as running:
            live_through_it(home, running, photos)
            places: dict[str, bytes | str] = {page: running.get(page)[1] for page in PAGES}
            places |= {" ".join(words): home.command(*words, code=None) for words in COMMANDS}
            places |= argv_of(running.process.pid)
            running.end()
            places["log"] = running.log
        places |= files_of(home.folder, "ledger.sqlite3*")
        tokens = {asked.headers.get("authorization", "").partition(" ")[2] for asked in home.server.seen} - {""}
        assert tokens, "the fake notes what it was shown"
        assert any(PASSPHRASE.encode() in asked.body for asked in home.server.sent(f"/api/v1/backup/{photos.id}", "PUT")) == (
            release == "2.1.0.5"
        )
        assert all(places[name] for name in ("/metrics", "status", "log", "ledger.sqlite3"))
        assert leaks(places, (*PLANTED, *tokens)) == []
        assert [
            where
            for where, text in places.items()
            if re.search(r"eyJ[\w-]{20}", text.decode(errors="replace") if isinstance(text, bytes) else text)
        ] == []
