"""The client over real HTTP: each release, each part alone, each refusal; what is never sent and what never comes along."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sysreptor_panel import AES_KEY, Stage
from watchdog.errors import BadSettings, MalformedAnswer
from watchdog.panels.sysreptor import answers
from watchdog.panels.sysreptor.client import backup_body
from watchdog.panels.sysreptor.fake import ADMIN_TOKEN, BACKUP_KEY, RELEASES, USER_TOKEN
from watchdog.panels.sysreptor.fake.world import Row
from watchdog.panels.sysreptor.view import NOT_CONFIGURED, Health, Licence, LogRow, LogType, Preflight, SysreptorView

RECORDINGS = Path(__file__).parents[2] / "recordings/sysreptor"
PREFLIGHT = "/api/v1/utils/backup/"
LOG = "/api/v1/utils/backuplogs/"
HEALTH = "/api/public/utils/healthcheck/"


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text(encoding="utf-8"))


# -- the recordings, without a wire


def test_the_recorded_answers_are_read() -> None:
    assert answers.health(recorded("healthcheck_public.json")) == Health(database=True, migrations=True, cache=True)
    assert answers.licence(recorded("license.json")) == Licence(False, "", 3, 1, None, "2026.61", "15.18")
    page = answers.page(recorded("backuplogs_history.json"))
    assert [row.type.value for row in page.rows] == [
        "backup_finished", "backup_started", "setup", "backup_finished", "backup_started", "backup_started",
    ]  # fmt: skip
    assert page.rows[0] == LogRow("3c2353f1-4d5c-4fa0-be6b-271ff7a3e7f7", LogType.FINISHED, 1_795_198_768_753_791, "admin")
    assert page.cursor == ""
    assert answers.page(recorded("backuplogs_paged_1.json")).cursor == "cD0yMDI2LTA3LTEwKzE4JTNBMjUlM0EzOS4yOTMyNjIlMkIwMCUzQTAw"
    for name, status, meant in (
        ("backup_check_community.json", 403, Preflight.NO_LICENCE),
        ("backup_noauth.json", 401, Preflight.TOKEN_WRONG),
        ("backuplogs_badtoken.json", 401, Preflight.TOKEN_WRONG),
    ):
        assert answers.preflight(status, recorded(name)) is meant


@pytest.mark.parametrize(
    ("status", "body", "meant"),
    [
        (200, None, Preflight.READY),
        (200, "", Preflight.READY),
        (401, None, Preflight.TOKEN_WRONG),
        (403, {"detail": "...", "code": "permission_denied"}, Preflight.FORBIDDEN),
        (403, None, Preflight.FORBIDDEN),
        (400, {"key": ["Backup key not set or too short (min 20 chars)"]}, Preflight.KEY_MISSING),
        (400, {"key": ["Invalid backup key"]}, Preflight.KEY_WRONG),
        (400, {"key": ["This field is required."]}, Preflight.REFUSED),
        (400, {"key": "Invalid backup key"}, Preflight.REFUSED),
        (400, {"aes_key": ["Invalid base64 encoding"]}, Preflight.REFUSED),
        (400, None, Preflight.REFUSED),
        (404, {"detail": "Not found."}, Preflight.REFUSED),
        (405, {"detail": "..."}, Preflight.REFUSED),
    ],
)
def test_each_answer_to_the_harmless_try_means_one_thing(status: int, body: object, meant: Preflight) -> None:
    assert answers.preflight(status, body) is meant


@pytest.mark.parametrize(
    "text", ["", "2026-11-20", "2026-11-20T18:13:26.735477", "yesterday", "2026-13-20T18:13:26Z", "2026-11-20T18:13:26.735477ZZ"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(MalformedAnswer):
        answers.instant(text, "here")


@pytest.mark.parametrize(
    ("day", "ends"), [("2099-12-31", 4_102_444_800.0), ("9999-12-31", None), ("soon", None), ("", None), (None, None), (7, None)]
)
def test_a_licence_ends_with_its_last_day(day: object, ends: float | None) -> None:
    assert answers.licence({"type": "professional", "valid_until": day}).valid_until == ends


@pytest.mark.parametrize("body", [{}, {"status": "ok"}, {"database": "yes"}, [], None])
def test_the_health_of_something_else_is_refused(body: object) -> None:
    with pytest.raises(MalformedAnswer):
        answers.health(body)


def test_a_next_page_that_is_no_address_is_refused() -> None:
    with pytest.raises(MalformedAnswer):
        answers.page({"results": [], "next": "http://[x"})


@given(us=st.integers(0, 4_000_000_000_000_000))
def test_an_instant_is_exact_to_the_microsecond(us: int) -> None:
    from datetime import UTC, timedelta  # noqa: PLC0415

    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    assert answers.instant(when.isoformat(), "here") == us
    assert answers.instant(when.isoformat().replace("+00:00", "Z"), "here") == us


@given(body=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["results", "next", "id", "created", "type", "user", "license", "features", "database"]), inner)))  # fmt: skip
def test_no_shape_at_all_breaks_the_reading(body: object) -> None:
    for parse in (answers.health, answers.licence, answers.page, answers.backup_on, answers.public_licence):
        try:
            parse(body)
        except MalformedAnswer:
            continue
    assert answers.preflight(400, body) in Preflight


def test_health_that_tells_nothing_is_not_well() -> None:
    assert not Health().well
    assert Health(database=True).well
    assert not Health(database=True, cache=False).well


# -- over the wire


@pytest.mark.parametrize("release", RELEASES)
def test_a_view_of_each_release(tmp_path: Path, release: str) -> None:
    with Stage(tmp_path, release) as stage:
        list(stage.world.backup("admin"))
        view = stage.client.view()
        rows = stage.world.rows
    assert view.health == Health(database=True, migrations=True, cache=True)
    assert view.licence is not None and view.licence.professional and view.licence.valid_until == 4_102_444_800.0
    assert (view.version, view.backup_on, view.preflight, view.reached) == (release, True, Preflight.READY, True)
    assert view.preflight_at == stage.clock.now().wall
    assert [(row.id, row.type.value, row.by) for row in view.log or ()] == [(row.id, row.type, row.user or "") for row in rows]
    assert view.log_whole
    assert {view.health_error, view.licence_error, view.log_error} == {""}


def test_without_a_url_nothing_is_asked(tmp_path: Path) -> None:
    with Stage(tmp_path, url=None, token_file=None, backup_key_file=None) as stage:
        assert stage.client.view() == SysreptorView()
        assert stage.client.view().reached is None
        assert stage.panel.seen == []
        assert stage.noted.values == {}


def test_without_a_token_health_and_licence_are_known(tmp_path: Path) -> None:
    with Stage(tmp_path, token_file=None, backup_key_file=None) as stage:
        view = stage.client.view()
        assert {request.path for request in stage.panel.seen} == {HEALTH, "/api/public/utils/settings/"}
    assert view.licence == Licence(professional=True)
    assert (view.log, view.log_error, view.preflight) == (None, NOT_CONFIGURED, Preflight.NOT_ASKED)


def test_health_is_not_asked_where_it_would_start_tasks(tmp_path: Path) -> None:
    with Stage(tmp_path, healthcheck=False) as stage:
        view = stage.client.view()
        assert stage.panel.sent(HEALTH) == []
    assert (view.health, view.health_error, view.licence_error) == (None, NOT_CONFIGURED, "")


@pytest.mark.parametrize(
    ("file", "text", "meant"),
    [
        ("token", "sysreptor_bm9ib2R5", Preflight.TOKEN_WRONG),
        ("token", USER_TOKEN, Preflight.FORBIDDEN),
        ("key", "k" * 30, Preflight.KEY_WRONG),
    ],
)
def test_each_refusal_of_a_credential_has_its_name(tmp_path: Path, file: str, text: str, meant: Preflight) -> None:
    with Stage(tmp_path) as stage:
        stage.secret(file, text)
        view = stage.client.view()
    assert view.preflight is meant
    assert view.health is not None and view.reached is True
    assert view.log_error == ("" if file == "key" else "Forbidden")


def test_a_rotated_token_needs_no_restart(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.secret("token", "sysreptor_b2xk")
        assert stage.client.view().log is None
        stage.secret("token", ADMIN_TOKEN)
        assert stage.client.view().log is not None


def test_a_lost_licence_and_a_missing_key_have_their_names(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.professional, stage.world.licence_error = False, "License expired: ..."
        view = stage.client.view()
        assert (view.preflight, view.backup_on) == (Preflight.NO_LICENCE, False)
        assert view.licence is not None and not view.licence.professional and view.licence.error == "License expired: ..."
        stage.world.backup_key = None
        stage.clock.advance(299.0)
        stage.client.view()
        assert len(stage.panel.sent(PREFLIGHT)) == 1, "asked every five minutes only"
        stage.world.professional = True
        view = stage.client.view()
        assert (view.preflight, view.backup_on) == (Preflight.KEY_MISSING, False)
        assert len(stage.panel.sent(PREFLIGHT)) == 2
        assert [row.type for row in stage.world.rows] == ["setup"], "the try makes nothing"


def test_a_licence_that_ends_is_seen_at_once(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert stage.client.view().preflight is Preflight.READY
        stage.world.professional = False
        assert stage.client.view().preflight is Preflight.NO_LICENCE
        stage.client.view()
        assert len(stage.panel.sent(PREFLIGHT)) == 2


def test_a_revoked_token_is_tried_at_once_and_so_is_a_new_one(tmp_path: Path) -> None:
    """Seen on the real panel: else the last try's word stands for five minutes beside a token that is refused."""
    with Stage(tmp_path) as stage:
        stage.client.view()
        stage.secret("token", "sysreptor_b2xk")
        view = stage.client.view()
        assert (view.licence_error, view.preflight, view.backup_on) == ("Forbidden", Preflight.TOKEN_WRONG, None)
        stage.client.view()
        assert len(stage.panel.sent(PREFLIGHT)) == 2, "once is enough"
        stage.secret("token", ADMIN_TOKEN)
        assert stage.client.view().preflight is Preflight.READY
        stage.client.view()
        assert len(stage.panel.sent(PREFLIGHT)) == 3


def test_without_a_database_the_rest_is_not_asked(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        assert stage.client.view().preflight is Preflight.READY
        before = len(stage.panel.seen)
        stage.world.switches.database_up = False
        view = stage.client.view()
        assert len(stage.panel.seen) == before + 1
    assert {view.health_error, view.licence_error, view.log_error} == {"ServerFault"}
    assert (view.log, view.preflight, view.reached) == (None, Preflight.UNKNOWN, False)


def test_a_panel_that_takes_too_long_is_down(tmp_path: Path) -> None:
    with Stage(tmp_path, health_timeout="1100ms") as stage:
        stage.world.switches.database_up, stage.world.switches.database_delay = False, 60.0
        assert stage.client.view().health_error == "DeadlinePassed"


def test_health_503_says_what_is_wrong(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.migrations_applied = False
        view = stage.client.view()
    assert view.health == Health(database=True, migrations=False, cache=True)
    assert not view.health.well and view.log is not None


def test_a_panel_that_is_not_sure_of_its_database_is_asked_no_more(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.database_strange = True
        view = stage.client.view()
        assert len(stage.panel.seen) == 1
    assert (view.health, view.health_error) == (Health(database=False, migrations=True, cache=True), "")
    assert (view.licence_error, view.log_error, view.log, view.preflight) == ("database_down", "database_down", None, Preflight.NOT_ASKED)


def test_one_look_has_an_end(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        seen = stage.panel.note

        def slow(request: Any) -> None:
            seen(request)
            stage.clock.advance(20.0)

        stage.panel.note = slow  # type: ignore[method-assign]  # each answer takes so long
        view = stage.client.view()
        assert len(stage.panel.seen) == 3, "after the third, 60 s are over"
        assert (view.health_error, view.licence_error, view.log_error) == ("", "", "")
        assert (view.backup_on, view.preflight) == (None, Preflight.UNKNOWN)
        stage.panel.note = seen  # type: ignore[method-assign]
        assert stage.client.view().preflight is Preflight.READY, "what could not be asked is asked in the next look"


def test_a_try_that_fails_says_nothing(tmp_path: Path) -> None:
    """A 500 is the panel's own trouble: neither a refusal nor a readiness."""
    with Stage(tmp_path) as stage:
        seen = stage.panel.note

        def break_at_the_try(request: Any) -> None:
            seen(request)
            stage.world.switches.database_up = request.path != PREFLIGHT

        stage.panel.note = break_at_the_try  # type: ignore[method-assign]
        view = stage.client.view()
    assert (view.preflight, view.preflight_at, view.log_error) == (Preflight.UNKNOWN, None, "")


def test_a_panel_that_closes_the_door_is_unreachable(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.world.switches.unreachable = True
        view = stage.client.view()
    assert (view.health_error, view.reached) == ("Unreachable", False)


def fill(stage: Stage, count: int) -> None:
    for number in range(count):
        stage.world.note("backup_started" if number % 2 else "backup_finished")
        stage.clock.advance(1.0)


def test_a_long_log_is_read_once_and_then_only_what_is_new(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        fill(stage, 249)
        view = stage.client.view()
        assert (len(view.log or ()), view.log_whole) == (250, True)
        assert len(stage.panel.sent(LOG)) == 3
        fill(stage, 2)
        view = stage.client.view()
        assert len(stage.panel.sent(LOG)) == 4, "one page ends in known rows"
        assert [row.id for row in view.log or ()] == [row.id for row in stage.world.rows]
        assert view.log_whole


def test_after_an_hour_all_is_read_anew(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        fill(stage, 249)
        stage.client.view()
        gone = sorted(stage.world.rows, key=lambda row: row.created)[20]
        stage.world._rows.remove(gone)
        assert gone.id in {row.id for row in stage.client.view().log or ()}
        stage.clock.advance(3600.0)
        before = len(stage.panel.sent(LOG))
        view = stage.client.view()
        assert len(stage.panel.sent(LOG)) == before + 3
    assert [row.id for row in view.log or ()] == [row.id for row in stage.world.rows]


@pytest.mark.parametrize("count", [400, 160])
def test_no_more_rows_are_read_than_set(tmp_path: Path, count: int) -> None:
    with Stage(tmp_path, log_rows=150) as stage:
        fill(stage, count)
        view = stage.client.view()
        assert len(stage.panel.sent(LOG)) == 2
    assert (len(view.log or ()), view.log_whole) == (150, False)


def test_a_restored_database_brings_another_past(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        fill(stage, 249)
        assert len(stage.client.view().log or ()) == 250
        # the log as it was in the backup: shorter, another row is gone deep in it, and its own start dangles (contract section 1.5)
        kept = sorted(stage.world.rows, key=lambda row: row.created)[:240]
        del kept[20]
        stage.world._rows = [*kept, Row("dangling", stage.world.now(), "backup_started")]
        stage.world.note("restore")
        stage.client.view()
        view = stage.client.view()
    assert [row.id for row in view.log or ()] == [row.id for row in stage.world.rows]


def test_the_next_page_is_asked_of_the_configured_address_alone(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        page = answers.page(recorded("backuplogs_paged_1.json") | {"next": "http://192.0.2.1:1/elsewhere?cursor=abc&x=y"})
        assert page.cursor == "abc"
        fill(stage, 120)
        stage.client.view()
        assert {request.path for request in stage.panel.sent(LOG)} == {LOG}


def test_secrets_go_where_they_must_and_nowhere_else(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        fill(stage, 3)
        view = stage.client.view()
        for request in stage.panel.seen:
            assert ADMIN_TOKEN not in request.path + str(request.query)
            assert BACKUP_KEY not in request.path + str(request.query) + str(request.headers)
            assert (BACKUP_KEY.encode() in request.body) == (request.path == PREFLIGHT)
            assert ("authorization" in request.headers) == (request.path != HEALTH)
        (tried,) = stage.panel.sent(PREFLIGHT)
        assert json.loads(tried.body) == {"key": BACKUP_KEY, "check": True}
    said = repr(view)
    for secret in (ADMIN_TOKEN, BACKUP_KEY, AES_KEY, "32fafc4d-a999-4bbe-81a9-5837005f6c32"):
        assert secret not in said


def test_the_body_of_a_backup(tmp_path: Path) -> None:
    with Stage(tmp_path, run={"encrypt": True, "method": "api"}) as stage:
        assert backup_body(stage.settings, dry=True) == {"key": BACKUP_KEY, "check": True}
        assert backup_body(stage.settings, dry=False) == {"key": BACKUP_KEY, "aes_key": "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8="}
        stage.secret("aes", "ab" * 31)
        with pytest.raises(BadSettings, match="64 hexadecimal digits"):
            backup_body(stage.settings, dry=False)
    with Stage(tmp_path, run={"method": "none"}) as stage:
        assert backup_body(stage.settings, dry=False) == {"key": BACKUP_KEY}


def test_requests_are_counted_from_zero(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        name = "watchdog_panel_requests_total"
        assert set(stage.noted.values.values()) == {0.0}
        stage.client.view()
        stage.world.professional = False
        stage.clock.advance(300)
        stage.client.view()
        counted = {row[3:]: value for row, value in stage.noted.values.items() if value and row[0] == name}
    assert counted == {
        ("health", "ok"): 2, ("licence", "ok"): 2, ("log", "ok"): 2, ("settings", "ok"): 2, ("preflight", "ok"): 2,
    }  # fmt: skip
