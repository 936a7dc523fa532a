"""Every answer of the real panel that was recorded, against the fake's: status, the headers that matter, and the body value by value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.pterodactyl_lab import RECORDINGS, Lab, lab, of_request, recorded, seconds

PAPER = "aae9e0c3-9d01-415f-99fb-fd4fa8d6f5fa"
FAR, MANY, CREATED = "33b0bc89-a782-4a65-a216-b2816afaa2fb", "1a7ba136-bc2c-409e-a1e0-a7cd67d43079", "b950b9e8-86d9-42af-a559-e03e2e1e9542"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.json") if not path.stem.startswith(("versions", "wings")))
VERSION = re.compile(r"-(1\.11\.\d+|develop-2024-10-21)(-debug)?$")
TOLD_BY_HEADERS = ("content-type", "location", "allow", "www-authenticate", "x-ratelimit-limit")
GOOD = {"successful": True, "checksum": "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "checksum_type": "sha1", "size": 4096, "parts": None}
PATCHED = "2026-11-21T00:10:20+00:00"
"""When the lab ran the prune command and reported failures."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Callable[[str], Lab]]:
    """Return a lab of a release as it was in the beginning: built once, its database loaded anew each time."""
    with lab() as built:
        dump = built.world.dump()

        def fresh(release: str) -> Lab:
            built.world.restore(dump)
            built.world.upgrade(release)
            built.world.zone, built.world.throttle = "UTC", (2, 600.0)
            built.world.switches.__init__()  # type: ignore[misc]
            built.panel.limits.forget()
            built.panel._known.clear()
            return built

        yield fresh


def complete(at: Lab, uuid: str, body: dict[str, Any] | None = None, node: str = "a") -> int:
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    headers["Authorization"] = at.authorization(f"Bearer <node token:{node}>")
    return at.send("POST", f"/api/remote/backups/{uuid}", json.dumps(body or GOOD), headers)[0]


def paper(at: Lab) -> None:
    """Place the records that the lab's first server had."""
    for record in recorded("client-backups-list")["body"]["data"]:
        at.put(record, PAPER)


def prepare_client(at: Lab, name: str, recording: dict[str, Any]) -> None:
    """Bring the lab to where it was when a recording of the Client API was made."""
    switches, world = at.world.switches, at.world
    paper(at)
    elsewhere = recorded("client-backups-unreachable")["body"]["data"][0]
    at.put(elsewhere, FAR)
    match name:
        case "client-2fa-required":
            switches.two_factor = True
        case "client-429" | "application-429":
            spend(at, recording)
        case "client-after-application-429":
            spend(at, recorded("application-429"))
        case "client-database-down":
            switches.database_down = True
        case "down-client" | "down-client-no-accept" | "down-remote":
            switches.maintenance, switches.maintenance_retry = True, 60
        case "client-backup-one-timezone-berlin":
            world.zone = "Europe/Berlin"
        case "client-backup-create-throttled":
            for _ in range(2):
                world.add_backup(at.server(CREATED), created_at=of_request(recording) - 1)
        case "client-backup-create-limit":
            world.throttle = (2, 0.0)
        case "client-backup-delete-locked" | "client-backup-unlock":
            world.rows.backups["454cedf1-a272-4c8f-b2c6-b9c06cbb2e3d"].locked = True
        case "client-backup-download-s3-configured":
            switches.s3_configured = True
        case "client-backup-one-failed-was-locked":
            at.at(seconds(PATCHED) or 0)
            assert complete(at, recording["body"]["attributes"]["uuid"], {"successful": False}) == 204
        case "client-backup-one-pruned-locked" | "client-backup-one-pruned-then-repaired":
            assert world.prune(seconds(PATCHED)) == 1
            if name.endswith("repaired"):
                at.at(seconds(PATCHED) or 0)
                assert complete(at, recording["body"]["attributes"]["uuid"]) == 204
        case "client-backup-one-reported-before-commit":
            row = at.put(recording["body"], FAR)
            row.committed = False
            assert complete(at, row.uuid, node="b") == 404
            row.committed = True
        case "client-backups-list-default-page" | "client-backups-list-page2" | "client-backups-list-over-max":
            many(at)
        case "client-activity" | "client-activity-backups" | "client-activity-after-repair":
            server = at.server(PAPER if "backups" not in name else CREATED)
            for row in recording["body"]["data"]:
                known = row["attributes"]
                at.at(seconds(known["timestamp"]) or 0)
                world.note(server.id, known["event"], api=known["is_api"], **(known["properties"] or {}))
        case "client-schedules" | "client-schedules-queue-dead":
            known = recorded("client-schedules")["body"]["data"][0]["attributes"]
            schedule = world.add_schedule(
                at.server(PAPER), last_run_at=seconds(known["last_run_at"]), next_run_at=seconds(known["next_run_at"]),
                created_at=seconds(known["created_at"]), updated_at=seconds(known["updated_at"]),
            )  # fmt: skip
            schedule.tasks[0].updated_at = schedule.created_at
            if name.endswith("dead"):
                switches.queue_dead = True
                schedule.next_run_at = seconds("2026-11-20T04:00:00+00:00")
                world.process_schedules(seconds("2026-11-21T00:10:21+00:00") or 0)


def many(at: Lab) -> None:
    """Place 25 records, those that were shown in their places."""
    shown = {}
    for name in ("client-backups-list-default-page", "client-backups-list-page2", "client-backups-list-over-max"):
        for record in recorded(name)["body"]["data"]:
            shown[int(record["attributes"]["name"].removeprefix("many-"))] = record
    for number in range(25):
        if number in shown:
            at.put(shown[number], MANY)
        else:
            at.world.add_backup(at.server(MANY), name=f"many-{number}", successful=True, completed_at=at.world.now())


def spend(at: Lab, recording: dict[str, Any]) -> None:
    """Use up a minute's requests, three seconds before."""
    at.at(of_request(recording) - 3)
    key = 2 if "owner" in recording["request"]["headers"]["Authorization"] else 1
    api, most = ("application", 240) if "application" in recording["request"]["path"] else ("client", 720)
    for _ in range(most):
        at.panel.limits.count(api, key, most, at.clock.now().wall)
    at.at(of_request(recording))


def prepare_remote(at: Lab, case: str, path: str) -> None:
    """Bring the lab to where it was when a completion, a probe or a refusal was recorded."""
    switches, world = at.world.switches, at.world
    uuid = path.split("/")[4] if path.startswith("/api/remote/backups/") else ""
    if not uuid or case in {"remote-unknown", "remote-not-a-uuid"} or case.startswith("remote-probe-random"):
        switches.s3_default = case.endswith("s3-default")
        switches.database_down = case.endswith("database-down")
        return
    homes = {"remote-wrong-node": FAR, "remote-success-before-commit": FAR, "remote-maintenance-node": _uuid(at, "Maint")}
    row = world.add_backup(at.server(_uuid(at, "Unpaid") if case == "remote-suspended" else homes.get(case, PAPER)), uuid, name="t")
    match case:
        case "remote-deleted":
            row.deleted = True
        case "remote-success-before-commit":
            row.committed = False
        case "remote-s3-record-wings-default":
            row.disk = "s3"
        case "remote-success-s3-default" | "remote-failed-s3-default":
            switches.s3_default = True
        case "remote-database-down" | "remote-probe-database-down":
            switches.database_down = True
        case "remote-repeat" | "remote-failed-after-success" | "remote-probe-completed":
            complete(at, uuid)
        case "remote-failed-again" | "remote-success-after-failed":
            complete(at, uuid, {"successful": False})
        case "remote-failed-locked":
            row.locked = True
        case "remote-success-after-prune":
            row.created_at -= 8 * 3600
            world.prune()


def _uuid(at: Lab, name: str) -> str:
    return next(each.uuid for each in at.world.rows.servers.values() if each.name == name)


DRAWN = {"daemon_listen", "token_id", "token"}


def plain(value: Any, trimmed: int | None = None) -> Any:
    """Return a body without what is drawn by lot (signatures, hashes, ports, tokens) and without what a recording cut away."""
    if isinstance(value, str):
        value = re.sub(r"token=(<jwt>|[\w.-]+)$", "token=JWT", value)
        value = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", value)
        return re.sub(r"(\.tar\.gz)\?X-Amz-.*$", r"\1?SIGNED", value)
    if isinstance(value, list):
        return [plain(each) for each in value][:trimmed]
    if not isinstance(value, dict):
        return value
    said = {name: "DRAWN" if name in DRAWN else plain(each, trimmed if name == "data" else None) for name, each in value.items()}
    if "ssl" in said:
        said["port"] = "DRAWN"
    if said.get("object") == "activity_log":
        said["attributes"]["id"] = "DRAWN"
    return said


def comparable(name: str, recording: dict[str, Any], body: Any) -> Any:
    if name.startswith("client-backup-create") and recording["http_status"] == 200:
        body = {**body, "attributes": {**body["attributes"], "uuid": "DRAWN"}}
    if name.endswith("-debug"):
        return body["errors"][0]["detail"]  # the trace is PHP's
    return plain(body, kept(recording))


def kept(recording: dict[str, Any]) -> int | None:
    """Return how many entries of its list a recording has kept ("data: first 8 of 100 kept")."""
    found = re.match(r"data: first (\d+) of", recording.get("trimmed", ""))
    return int(found[1]) if found else None


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_is_the_recorded_one(stage: Callable[[str], Lab], name: str) -> None:
    recording = recorded(name)
    version = VERSION.search(name)
    case = VERSION.sub("", name)
    at = stage({"develop-2024-10-21": "1.11.9"}.get(version[1], version[1]) if version else "1.11.8")
    at.world.switches.debug = name.endswith("-debug")
    if case.startswith("remote-"):
        prepare_remote(at, case, recording["request"]["path"])
    else:
        prepare_client(at, name, recording)
    at.at(of_request(recording))
    status, headers, body = at.replay(recording)
    assert status == recording["http_status"]
    told = {key: value for key, value in recording["headers"].items() if key in TOLD_BY_HEADERS}
    assert {key: headers.get(key) for key in told} == told
    assert ("x-ratelimit-remaining" in headers) == ("x-ratelimit-remaining" in recording["headers"])
    assert ("retry-after" in headers) == ("retry-after" in recording["headers"])
    assert headers.get("retry-after", "") == recording["headers"].get("retry-after", "")
    assert headers.get("x-ratelimit-reset", "") == recording["headers"].get("x-ratelimit-reset", "")
    if isinstance(recording["body"], str):
        assert body.startswith("<!DOCTYPE html>\n<html")
        return
    assert comparable(name, recording, body) == comparable(name, recording, recording["body"])
    if "row_after" in recording:
        assert row(at, recording) == recording["row_after"]


def row(at: Lab, recording: dict[str, Any]) -> dict[str, Any]:
    found = at.world.rows.backups[recording["request"]["path"].split("/")[4]]
    return {
        "is_successful": found.successful, "is_locked": found.locked, "checksum": found.checksum, "bytes": found.bytes,
        "completed_at_set": found.completed_at is not None,
    }  # fmt: skip


VERSIONS = json.loads((RECORDINGS / "versions.json").read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("release", ["1.11.5", "1.11.6", "1.11.7", "1.11.8", "develop-2024-10-21"])
def test_each_release_answers_wings_as_the_table_says(stage: Callable[[str], Lab], release: str) -> None:
    answers = {}
    for case in VERSIONS:
        at = stage("1.11.9" if release.startswith("develop") else release)
        recording = recorded(f"{case}-1.11.8")
        prepare_remote(at, case, recording["request"]["path"])
        status, _, body = at.replay(recording)
        code = body["errors"][0]["code"] if isinstance(body, dict) and "errors" in body else ""
        answers[case] = f"{status} {code}".strip()
    assert answers == {case: by_release[release] for case, by_release in VERSIONS.items()}
