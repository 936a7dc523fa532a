"""Every answer of the fake that has a recording, against it: same status, same body, value by value (tests/recordings/sysreptor)."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.support.sysreptor_panel import Stage
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, USER_TOKEN
from watchdog.panels.sysreptor.fake.world import Row, SysreptorWorld

RECORDINGS = Path(__file__).parents[2] / "recordings/sysreptor"
V1 = "/api/v1/utils"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


def ask(stage: Stage, path: str, body: object = None, *, token: str | None = ADMIN_TOKEN, method: str = "") -> tuple[int, bytes, str]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    raw = None if body is None else json.dumps(body).encode()
    url = path if path.startswith("http:") else stage.panel.url + path
    request = Request(url, raw, headers, method=method or ("GET" if body is None else "POST"))
    try:
        with urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers.get("Content-Type", "")
    except HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("Content-Type", "")


def refill(world: SysreptorWorld, rows: list[dict[str, Any]]) -> None:
    world._rows = [Row(row["id"], datetime.fromisoformat(row["created"]), row["type"], row["user"]) for row in rows]


@pytest.mark.parametrize(
    ("recording", "status", "path", "body", "token"),
    [
        ("backup_check_community.json", 403, f"{V1}/backup/", {"key": BACKUP_KEY, "check": True}, ADMIN_TOKEN),
        ("backup_community.json", 403, f"{V1}/backup/", {"key": BACKUP_KEY}, ADMIN_TOKEN),
        ("backup_get.json", 403, f"{V1}/backup/", None, ADMIN_TOKEN),
        ("backup_noauth.json", 401, f"{V1}/backup/", {"key": BACKUP_KEY}, None),
        ("backuplogs_badtoken.json", 401, f"{V1}/backuplogs/", None, "nonsense"),
        ("backuplogs_badcursor.json", 404, f"{V1}/backuplogs/?cursor=nonsense", None, ADMIN_TOKEN),
        ("healthcheck_public.json", 200, "/api/public/utils/healthcheck/", None, None),
        ("healthcheck_public.json", 200, f"{V1}/healthcheck/", None, None),
        ("healthcheck_public.json", 200, f"{V1}/healthcheck", None, None),
    ],
)
def test_an_answer_is_the_recorded_one(tmp_path: Path, recording: str, status: int, path: str, body: object, token: str | None) -> None:
    with Stage(tmp_path) as stage:
        stage.world.professional = False
        said = ask(stage, path, body, token=token)
    assert said[:2] == (status, (RECORDINGS / recording).read_bytes().rstrip(b"\n"))
    assert said[2].startswith("application/json")


def test_a_community_licence_is_the_recorded_one(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.professional = False
        status, body, _ = ask(stage, f"{V1}/license/")
    assert (status, json.loads(body)) == (200, recorded("license.json"))


def test_without_a_database_there_is_the_recorded_page(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.database_up = False
        for path in ("/api/public/utils/healthcheck/", f"{V1}/license/"):
            assert ask(stage, path) == (500, (RECORDINGS / "healthcheck_dbdown.json").read_bytes(), "text/html; charset=utf-8")


@pytest.mark.parametrize("recording", ["backuplogs.json", "backuplogs_history.json", "backuplogs_page1.json"])
def test_a_short_log_is_the_recorded_one(tmp_path: Path, recording: str) -> None:
    with Stage(tmp_path) as stage:
        refill(stage.world, recorded(recording)["results"])
        status, body, _ = ask(stage, f"{V1}/backuplogs/")
    assert (status, json.loads(body)) == (200, recorded(recording))


def test_two_pages_of_the_log_are_the_recorded_ones(tmp_path: Path) -> None:
    first, second = recorded("backuplogs_paged_1.json"), recorded("backuplogs_paged_2.json")
    with Stage(tmp_path) as stage:
        refill(stage.world, first["results"] + second["results"])
        said = json.loads(ask(stage, f"{V1}/backuplogs/?page_size=7")[1])
        more = json.loads(ask(stage, said["next"])[1])
        back = json.loads(ask(stage, more["previous"])[1])
    assert said["results"] == first["results"] == back["results"]
    assert more["results"] == second["results"]
    assert (said["previous"], more["next"]) == (None, None)
    for said_url, url in ((said["next"], first["next"]), (more["previous"], second["previous"])):
        assert urlsplit(said_url)._replace(netloc="") == urlsplit(url)._replace(netloc=""), "the cursor is the recorded one"


def test_what_has_no_recording_is_as_the_source_says(tmp_path: Path) -> None:
    """BackupSerializer and the permissions of UtilsViewSet (contract section 1.2; from source only)."""
    cases: list[tuple[object, str, int, dict[str, Any]]] = [
        ({}, ADMIN_TOKEN, 400, {"key": ["This field is required."]}),
        ({"key": "x" * 30}, ADMIN_TOKEN, 400, {"key": ["Invalid backup key"]}),
        ({"key": BACKUP_KEY, "aes_key": "AAAA"}, ADMIN_TOKEN, 400, {"aes_key": ["Invalid key length: must be a 256-bit AES key"]}),
        (
            {"key": BACKUP_KEY}, USER_TOKEN, 403,
            {"detail": "You do not have permission to perform this action.", "code": "permission_denied"},
        ),
    ]  # fmt: skip
    with Stage(tmp_path) as stage:
        for body, token, status, said in cases:
            answer = ask(stage, f"{V1}/backup/", body, token=token)
            assert (answer[0], json.loads(answer[1])) == (status, said)
        assert ask(stage, f"{V1}/backup/")[0] == 405
        stage.world.backup_key = "short"
        said = json.loads(ask(stage, f"{V1}/backup/", {"key": "short"})[1])
        assert said == {"key": ["Backup key not set or too short (min 20 chars)"]}
        assert [row.type for row in stage.world.rows] == ["setup"], "nothing was begun"
