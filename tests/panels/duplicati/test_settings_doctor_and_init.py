"""The settings of a target, what ``doctor`` says of a server, and what ``init`` recognises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.support.instruments import Noted
from tests.support.planted import leaks
from watchdog.model.clues import Clues
from watchdog.model.docker import Container
from watchdog.model.panels import REQUESTS, Ports, Probe
from watchdog.panels.duplicati import PANEL
from watchdog.panels.duplicati.fake import AUTH_PASSWORD, PASSWORD, PREAUTH, FakeDuplicati
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.runtime.clock import SimulatedClock
from watchdog.runtime.hooks import Hooks

NOW = 1_795_200_000.0


def given(**changes: Any) -> DuplicatiSettings:
    told = {"name": "nas", "url": "http://127.0.0.1:8200", "password_file": "/etc/secret", **changes}
    return DuplicatiSettings.model_validate({name: value for name, value in told.items() if value is not None})


# ---- settings --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password_file": None}, "auth: password needs password_file"),
        ({"auth": "preauth"}, "auth: preauth needs token_file"),
        ({"auth": "forever", "token_file": "/t"}, "take password_file out"),
        ({"token_file": "/t"}, "take token_file out"),
        ({"url": "http://nas:8200?token=x"}, "without a key"),
        ({"lease": "13h"}, "less than or equal"),
        ({"lease": "30s"}, "greater than or equal"),
        ({"pulse": "130s"}, "less than or equal"),
        ({"startup_delay": "2 minutes"}, "write a whole number"),
        ({"startup_delay": "0s"}, "write a whole number"),
        ({"host_header": "a\r\nX: y"}, "pattern"),
        ({"report": {"secret_sha256": ["the secret itself"]}}, "never a secret itself"),
        ({"destinations": {"1": {"path": "/backups", "prefix": "a-b"}}}, "cannot be a prefix"),
        ({"destinations": {"1": {"path": "backups"}}}, "absolute"),
        ({"destinations": {"1": {"path": "/b", "database": "/data/Duplicati-server.sqlite"}}}, "can end the whole server"),
        ({"kinds": {"overdue": "repair"}}, "kinds"),
        ({"nonsense": 1}, "nonsense"),
        ({"run_window": {"cron": "whenever", "length": "1h"}}, "cron"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_the_way_out(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        given(**changes)


def test_the_defaults_hurt_nobody() -> None:
    settings = given()
    assert settings.mode.value == "approve"
    assert settings.lease == 12 * 3600
    assert settings.pulse == 10.0
    assert not settings.enforce, "a person's Resume is respected"
    assert settings.startup_delay == ""
    assert settings.allow == ()


# ---- doctor ----------------------------------------------------------------------------------------------------------------------------


@contextmanager
def examined(folder: Path, release: str = "2.3.0.4", *, secret: str = PASSWORD, **changes: Any) -> Iterator[tuple[FakeDuplicati, Any]]:
    clock = SimulatedClock(NOW)
    (folder / "secret").write_text(secret)
    with FakeDuplicati(folder / "server", clock, release) as server:
        file = "password_file" if changes.get("auth", "password") == "password" else "token_file"
        settings = given(**{"url": server.url, "password_file": None, file: str(folder / "secret"), "timeout": "60s", **changes})

        def lines() -> dict[str, Probe]:
            found = PANEL.probe(settings, Ports(clock, Noted((REQUESTS,)), Hooks()))
            assert leaks({each.name: each.message for each in found}, (PASSWORD, PREAUTH, AUTH_PASSWORD)) == []
            return {each.name: each for each in found}

        yield server, lines


@pytest.mark.parametrize(
    ("release", "worth"),
    [("2.1.0.5", "memory only"), ("2.2.0.1", "runs jobs all the same"), ("2.3.0.4", "obeys it after a restart")],
)
def test_doctor_says_what_a_pause_is_worth_on_this_release(tmp_path: Path, release: str, worth: str) -> None:
    with examined(tmp_path, release) as (server, lines):
        server.world.add_job("photos", time=NOW + 3600, target_query=f"auth-password={AUTH_PASSWORD}")
        found = lines()
        assert found["server"].ok
        assert found["credential"].ok
        assert found["release"].ok
        assert release in found["release"].message
        assert worth in found["release"].message
        assert found["witness"].ok
        assert found["jobs"].message.startswith("1, 1 with a schedule")
        assert found["clock"].ok
        changing = [
            each for each in server.seen if each.method != "GET" and not each.path.endswith(("/auth/login", "/filesystem/validate"))
        ]
        assert changing == [], "it only reads"


def test_doctor_recommends_a_startup_delay_where_it_helps_and_says_where_it_does_not(tmp_path: Path) -> None:
    with examined(tmp_path, "2.1.0.5") as (_, lines):
        assert "startup_delay: 2m" in lines()["startup delay"].message
    with examined(tmp_path, "2.2.0.1", startup_delay="2m") as (_, lines):
        assert "ignore one" in lines()["startup delay"].message
    with examined(tmp_path, "2.3.0.4") as (_, lines):
        assert "startup delay" not in lines()


def test_doctor_names_a_wrong_password_a_refused_name_and_an_absent_server(tmp_path: Path) -> None:
    with examined(tmp_path, secret="not the password") as (_, lines):
        found = lines()
        assert found["server"].ok
        assert found["credential"].ok is False
        assert "password_file" in found["credential"].message
    with examined(tmp_path, host_header="duplicati") as (_, lines):
        assert lines()["host name"].ok is False
        assert "host_header: localhost" in lines()["host name"].message
    with examined(tmp_path) as (server, lines):
        server.stop()
        found = lines()
        assert set(found) == {"server"}
        assert found["server"].ok is False
        assert server.url in found["server"].message


def test_doctor_knows_a_token_a_proxy_and_a_clock_that_is_off(tmp_path: Path) -> None:
    with examined(tmp_path, auth="preauth", secret=PREAUTH) as (server, lines):
        server.world.switches.server = "nginx"
        found = lines()
        assert found["credential"].message == "the token is accepted"
        assert found["witness"].ok is None
        assert "/health" in found["witness"].message
        assert not server.sent("/api/v1/auth/login")


def test_doctor_names_a_job_that_is_not_there_and_a_source_that_is_gone(tmp_path: Path) -> None:
    with examined(tmp_path, sources={"movies": [str(tmp_path / "gone")]}, destinations={"9": {"path": str(tmp_path)}}) as (server, lines):
        server.world.add_job("photos")
        found = lines()
        assert found["jobs"].ok is False
        assert found["source of movies"].ok is False


def test_doctor_says_what_an_absent_watchdog_costs_whoever_reports_to_it(tmp_path: Path) -> None:
    with examined(tmp_path, report={"secret_sha256": ["0" * 64]}) as (_, lines):
        assert "a backup waits" in lines()["reports"].message


# ---- init ------------------------------------------------------------------------------------------------------------------------------


def container(name: str, image: str) -> Container:
    return Container("c" * 64, name, image, "running")


@pytest.mark.parametrize(
    ("clues", "names"),
    [
        (Clues(), []),
        (Clues(ports=frozenset({8200})), []),
        (Clues(units=frozenset({"duplicati.service"}), ports=frozenset({8200})), ["duplicati"]),
        (Clues(exists=lambda path: path == "/etc/default/duplicati"), ["duplicati"]),
        (Clues(containers=(container("nas-backup", "duplicati/duplicati:2.3.0.4"),)), ["nas-backup"]),
        (Clues(containers=(container("d", "lscr.io/linuxserver/duplicati:latest"), container("x", "nginx"))), ["d"]),
    ],
)
def test_init_recognises_a_server_by_its_unit_its_files_or_its_image(clues: Clues, names: list[str]) -> None:
    found = PANEL.find(clues)
    assert [each.settings["name"] for each in found] == names
    for each in found:
        assert DuplicatiSettings.model_validate(each.settings).mode.value == "observe"
        assert "password_file" in each.asks
        assert each.why.startswith("Duplicati")
