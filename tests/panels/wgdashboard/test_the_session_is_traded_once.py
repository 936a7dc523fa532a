"""The key is traded for a session once, tried now and then, and the two 401 are told apart."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.support.wgdashboard_panel import Stage, key_of
from watchdog.errors import BadSettings, Forbidden, MalformedAnswer, ServerFault
from watchdog.panels.wgdashboard.fake import KEY, RELEASES
from watchdog.panels.wgdashboard.session import RENEW_AFTER, FeatureOff, Session, WrongKey
from watchdog.panels.wgdashboard.view import Access
from watchdog.runtime.http import Http
from watchdog.runtime.redaction import HIDDEN, redact

KEYED = ("/api/handshake", "/api/authenticate")


def keyed(stage: Stage) -> list[str]:
    return [seen.path for seen in stage.panel.seen if "wg-dashboard-apikey" in seen.headers]


def rows_with_the_key(stage: Stage) -> int:
    return sum(KEY in row["Message"] for row in stage.panel.store.logged())


@pytest.mark.parametrize("version", RELEASES)
def test_a_hundred_looks_use_the_key_twice(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version, key_check="1h") as stage:
        for _ in range(100):
            stage.client.view()
            stage.clock.advance(5.0)
        assert keyed(stage) == list(KEYED)
        assert rows_with_the_key(stage) == 2
        polled = stage.panel.sent("/api/getWireguardConfigurationInfo")
        assert all("session=" in seen.headers["cookie"] and "authtoken" not in seen.headers["cookie"].lower() for seen in polled)
        assert all(KEY not in str(seen) for seen in polled)
        if version == "4.3.3":
            assert len(stage.panel.store.logged()) == 2


def test_an_old_panel_is_asked_less_often_while_its_answers_are_lively(tmp_path: Path) -> None:
    """Panels to 4.3.0 write one row per request: each configuration every ten seconds, every look once it says the same again."""
    with Stage(tmp_path, "4.2.3", count=1) as stage:
        stage.shake_hands("wg0")
        stage.panel.sample()
        for _ in range(12):  # a minute of looks, a pass every ten seconds
            stage.client.view()
            stage.clock.advance(5.0)
            if int(stage.clock.now().mono) % 10 == 0:
                stage.panel.sample()
        lively = len(stage.panel.sent("/api/getWireguardConfigurationInfo"))
        assert lively == 6
        for _ in range(12):  # a minute without passes
            stage.client.view()
            stage.clock.advance(5.0)
        assert len(stage.panel.sent("/api/getWireguardConfigurationInfo")) - lively >= 10
        stage.panel.sample()
        before = len(stage.panel.sent("/api/getWireguardConfigurationInfo"))
        for _ in range(12):
            stage.client.view()
            stage.clock.advance(5.0)
            if int(stage.clock.now().mono) % 10 == 0:
                stage.panel.sample()
        assert len(stage.panel.sent("/api/getWireguardConfigurationInfo")) - before <= 7


def test_one_that_stands_still_has_all_asked_for_but_not_for_ever(tmp_path: Path) -> None:
    """A dead thread must be seen in all within a minute; a peer that only the panel has stands for ever in a panel that is well."""
    with Stage(tmp_path, "4.2.3", count=2) as stage:
        for name in stage.names:
            stage.shake_hands(name)
        stage.panel.sample()
        for who in "ab":
            stage.world.remove_peer("wg1", key_of(who))

        def asked(seconds: int) -> dict[str, int]:
            before = len(stage.panel.seen)
            for _ in range(seconds // 5):
                stage.client.view()
                stage.clock.advance(5.0)
                if int(stage.clock.now().mono) % 10 == 0:
                    stage.panel.sample()
            names = [seen.query.get("configurationName") for seen in stage.panel.seen[before:]]
            return {name: names.count(name) for name in stage.names}

        assert asked(10) == {"wg0": 1, "wg1": 1}
        first = asked(120)
        assert all(20 <= count <= 24 for count in first.values()), first
        asked(20)
        assert asked(60) == {"wg0": 6, "wg1": 6}


def test_an_answer_that_was_not_asked_anew_keeps_its_date(tmp_path: Path) -> None:
    with Stage(tmp_path, "4.2.3", count=1) as stage:
        first = stage.client.view()
        stage.clock.advance(5.0)
        second = stage.client.view()
        stage.clock.advance(5.0)
        third = stage.client.view()
    assert first.configurations == second.configurations
    dates = [view.configurations[0].read_at.mono for view in (first, second, third) if view.configurations]
    assert [date - dates[0] for date in dates] == [0.0, 0.0, 10.0]


def test_a_restart_ends_the_session_and_another_is_obtained(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        before = stage.client.view()
        stage.clock.advance(60.0)
        stage.panel.restart()
        after = stage.client.view()
        again = stage.client.view()
    assert (before.logins, before.session_lost, before.ordered) == (1, None, False)
    assert (after.logins, after.session_lost, after.ordered) == (2, stage.clock.now(), True)
    assert again == after


def test_the_two_refusals_are_two_errors(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.key_file.write_text("no-such-key")
        with pytest.raises(WrongKey, match="no such API key"):
            stage.client.view()
        with pytest.raises(WrongKey):
            stage.client.view()
        assert len(keyed(stage)) == 1, "a wrong key is not tried at every look: each try writes a row"
        stage.clock.advance(31.0)
        stage.key_file.write_text(KEY)
        assert stage.client.view().access is Access.GRANTED
        assert issubclass(WrongKey, Forbidden) and issubclass(FeatureOff, Forbidden)


def test_a_key_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.key_file.unlink()
        with pytest.raises(BadSettings, match=r"api\.key"):
            stage.client.view()


@pytest.mark.parametrize("version", RELEASES)
def test_keys_that_are_off_are_no_error_but_a_state(version: str, tmp_path: Path) -> None:
    with Stage(tmp_path, version, fake={"keys_at_start": False}) as stage:
        stage.panel.go_stale()
        view = stage.client.view()
        assert (view.version, view.access, view.configurations, view.logins) == (f"v{version}", Access.FEATURE_OFF, None, 0)
        assert stage.panel.sent("/api/authenticate") == [], "the panel would log a traceback for it"
        assert stage.panel.store.settings()["Server"]["dashboard_api_key"] == "true"


def test_a_worker_that_became_stale_is_seen_though_the_old_session_holds(tmp_path: Path) -> None:
    """Contract section 3.3: old cookies are still accepted, the key is not."""
    with Stage(tmp_path, fake={"keys_at_start": False}, key_check="5m") as stage:
        assert stage.client.view().access is Access.GRANTED
        stage.panel.go_stale()
        unaware = stage.client.view()
        stage.clock.advance(301.0)
        aware = stage.client.view()
        stage.clock.advance(5.0)
        still = stage.client.view()
        stage.panel.restart()
        stage.clock.advance(31.0)
        cured = stage.client.view()
    assert unaware.access is Access.GRANTED
    for view in (aware, still):
        assert (view.access, len(view.configurations or ())) == (Access.FEATURE_OFF, 3)
    assert (cured.access, cured.logins) == (Access.GRANTED, 2)


def test_a_stale_worker_whose_settings_are_saved_locks_us_out_on_disk(tmp_path: Path) -> None:
    """The danger itself, as the fake plays it: one harmless write and the ini says false (contract section 3.3)."""
    with Stage(tmp_path, fake={"keys_at_start": False}) as stage:
        stage.client.view()
        stage.panel.go_stale()
        assert stage.panel.store.settings()["Server"]["dashboard_api_key"] == "true"
        cookie = f"session={stage.panel.new_session()}"
        body = {"section": "Peers", "key": "peer_global_dns", "value": "9.9.9.9"}
        assert stage.send("POST", "/api/updateDashboardConfigurationItem", body=body, cookie=cookie).json()["status"] is True
        assert stage.panel.store.settings()["Server"]["dashboard_api_key"] == "false"
        stage.panel.restart()
        stage.clock.advance(31.0)
        assert stage.client.view().access is Access.FEATURE_OFF


def test_a_session_that_ends_while_keys_are_off_leaves_a_view(tmp_path: Path) -> None:
    with Stage(tmp_path, fake={"keys_at_start": False}) as stage:
        stage.client.view()
        settings = stage.panel.store.settings()
        settings["Server"]["dashboard_api_key"] = "false"
        stage.panel.store.save_settings(settings)
        stage.panel.restart()
        view = stage.client.view()
    assert (view.access, view.configurations, view.session_lost is not None) == (Access.FEATURE_OFF, None, True)


def test_a_panel_without_authentication_needs_no_session(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.panel.worker.settings["Server"]["auth_req"] = "false"
        view = stage.client.view()
        assert len(view.configurations or ()) == 3
        assert all("cookie" not in seen.headers for seen in stage.panel.seen)


def test_a_race_for_the_worker_that_costs_one_login_is_told_as_it_is(tmp_path: Path) -> None:
    """Two threads share one flag in 4.3 (dashboard.py, APIAccessed): a login may meet an HTML 500 once."""
    with Stage(tmp_path) as stage:
        stage.panel.switches.failing = frozenset({"/api/authenticate"})
        with pytest.raises(ServerFault, match="login"):
            stage.client.view()
        stage.panel.switches.failing = frozenset()
        assert stage.client.view().logins == 1


def test_the_cookie_is_renewed_once_a_day(tmp_path: Path) -> None:
    """Each answer signs it anew; one holds for 31 days, and its end would look like a restart of the panel."""
    with Stage(tmp_path, count=1) as stage:
        stage.client.view()
        first = stage.panel.sent("/api/getWireguardConfigurationInfo")[-1].headers["cookie"]
        stage.clock.advance(RENEW_AFTER)
        stage.client.view()
        stage.client.view()
        second = stage.panel.sent("/api/getWireguardConfigurationInfo")[-1].headers["cookie"]
        stage.client.view()
        third = stage.panel.sent("/api/getWireguardConfigurationInfo")[-1].headers["cookie"]
    assert first != second == third
    assert stage.noted["watchdog_panel_requests_total", "wgdashboard", "vpn", "login", "ok"] == 1


def test_neither_key_nor_cookie_reaches_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Stage(tmp_path) as stage:
        stage.client.view()
        cookie = stage.panel.sent("/api/getWireguardConfigurationInfo")[-1].headers["cookie"].removeprefix("session=")
        stage.panel.switches.answer = b"<html>"
        with pytest.raises(MalformedAnswer) as raised:
            stage.connect().view()
    assert redact(f"a cookie {cookie} in a text") == f"a cookie {HIDDEN} in a text"
    for secret in (KEY, cookie):
        assert secret not in caplog.text
        assert secret not in str(raised.value)


def test_every_exchange_is_counted_and_born_at_zero(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        values = {row[3:]: value for row, value in stage.noted.values.items()}
        assert set(values.values()) == {0.0}
        assert {operation for operation, _ in values} == {"version", "handshake", "login", "names", "configuration", "reread"}
        stage.client.view()
        counted = {row[3:]: value for row, value in stage.noted.values.items() if value}
    assert counted == {
        ("handshake", "ok"): 1, ("login", "ok"): 1, ("version", "ok"): 1, ("names", "ok"): 1, ("configuration", "ok"): 3,
    }  # fmt: skip


def test_a_session_obtained_by_another_thread_is_left_alone(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        http = Http(stage.panel.url, clock=stage.clock, headers=lambda: {"wg-dashboard-apikey": KEY})
        session = Session(http, stage.clock, 300.0)
        session.ensure(lambda: 10.0)
        old = {"Cookie": "session=an older one"}
        session.lost(old)
        assert session.open
        assert session.lost_at is None
        session.lost(session.headers())
        assert not session.open
        assert session.lost_at == stage.clock.now()
