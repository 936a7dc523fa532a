"""What may be configured, which releases are broken how, and when a window is open."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from watchdog.panels.sysreptor.releases import BROKEN, FinishedRow, broken_in, finished_row, parse_version
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.windows import Window, parse_cron

PLAIN = {"name": "reports", "backups": {"path": "/srv/backups"}}


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_a_directory_is_all_one_must_say() -> None:
    settings = SysreptorSettings.model_validate(PLAIN)
    assert (settings.backups.pattern, settings.backups.level) == ("sysreptor-full-backup-*.zip", 3)
    assert (settings.run.method, settings.run.container, settings.run.argv[-1]) == ("none", "sysreptor-app", "-")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "ftp://x"}, "no panel address"),
        ({"url": "https://user@x"}, "no panel address"),
        ({"token_file": "/t"}, "needs the panel's url"),
        ({"url": "http://x", "backup_key_file": "/k"}, "needs a token_file"),
        ({"run": {"method": "api"}}, "needs url, token_file and backup_key_file"),
        ({"run": {"method": "exec", "container": ""}}, "needs the container"),
        ({"run": {"encrypt": True}}, "needs an aes_key_file"),
        ({"run": {"argv": ["manage.py", "backup", "--key=" + "ab" * 32]}}, "no key"),
        ({"run": {"argv": ["manage.py", "backup", "--s3-params", "{}"]}}, "no S3 credential"),
        ({"run": {"volume_size": "5kB"}}, "at least 1MiB"),
        ({"run": {"window": {"cron": "0 2 * *"}}}, "crontab"),
        ({"run": {"window": {"zone": "Mars/Olympus"}}}, "no time zone"),
        ({"backups": {"path": "/srv", "pattern": "../x"}}, "below the directory"),
        ({"backups": {"path": "srv"}}, "absolute"),
    ],
)
def test_what_cannot_work_is_said_with_the_way_out(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SysreptorSettings.model_validate(PLAIN | change)


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("2024.58", ["cli_unflushed", "worker_recycled", "storage_in_memory", "stream_in_memory"]),
        ("2025.12", ["cli_unflushed", "worker_recycled", "storage_in_memory", "stream_in_memory"]),
        ("2025.20", ["stream_in_memory", "worker_aborted"]),
        ("2025.64", ["stream_in_memory", "worker_aborted"]),
        ("2025.69", ["worker_aborted"]),
        ("2025.108", ["worker_aborted"]),
        ("2025.110", []),
        ("2026.61", []),
        ("dev", []),
        ("", []),
    ],
)
def test_each_release_has_the_bugs_of_the_contracts_table(version: str, names: list[str]) -> None:
    found = broken_in(parse_version(version))
    assert [each.name for each in found] == names
    by_command = [each.name for each in broken_in(parse_version(version), ("exec",))]
    assert by_command == [name for name in names if name in {"cli_unflushed", "storage_in_memory"}]


def test_releases_are_ordered_by_numbers() -> None:
    assert parse_version("2025.110") > parse_version("2025.20")  # type: ignore[operator]
    assert [parse_version(text) for text in ("2026", "v2026.1", "2026.1.2", "26.1", "2026.x")] == [None] * 5
    assert sorted(each.fixed for each in BROKEN) == [each.fixed for each in BROKEN]


@pytest.mark.parametrize(
    ("version", "means"),
    [
        ("2025.64", FinishedRow.AT_START), ("2025.69", FinishedRow.AFTER_LAST_CHUNK), ("2026.12", FinishedRow.AFTER_LAST_CHUNK),
        ("2026.18", FinishedRow.BEFORE_THE_END), ("2026.61", FinishedRow.BEFORE_THE_END), ("dev", FinishedRow.UNKNOWN),
    ],
)  # fmt: skip
def test_what_a_finished_row_says_depends_on_the_release(version: str, means: FinishedRow) -> None:
    assert finished_row(parse_version(version)) is means


NIGHT = Window(parse_cron("0 2 * * *"), 3 * 3600.0)


@pytest.mark.parametrize(
    ("now", "closes"),
    [
        ("2026-11-21 01:59:59", None), ("2026-11-21 02:00:00", "2026-11-21 05:00:00"), ("2026-11-21 04:59:59", "2026-11-21 05:00:00"),
        ("2026-11-21 05:00:00", None), ("2026-11-21 13:00:00", None),
    ],
)  # fmt: skip
def test_a_window_is_open_from_its_strike_on(now: str, closes: str | None) -> None:
    assert NIGHT.closes_at(at(now)) == (None if closes is None else at(closes))


def test_the_next_opening_is_told() -> None:
    assert NIGHT.opens_at(at("2026-11-21 02:00:00")) == at("2026-11-22 02:00:00")
    assert NIGHT.opens_at(at("2026-11-21 01:59:30")) == at("2026-11-21 02:00:00")
    assert Window(parse_cron("0 0 30 2 *"), 3600.0).opens_at(at("2026-11-21 00:00:00")) is None


def test_a_window_reaches_over_midnight_and_follows_its_zone() -> None:
    vienna = Window(parse_cron("30 23 * * *"), 2 * 3600.0, "Europe/Vienna")
    assert vienna.closes_at(at("2026-07-02 00:10:00", "Europe/Vienna")) == at("2026-07-02 01:30:00", "Europe/Vienna")
    assert vienna.closes_at(at("2026-07-01 21:29:00", "UTC")) is None
    assert vienna.closes_at(at("2026-07-01 21:30:00", "UTC")) is not None
    assert vienna.closes_at(at("2026-12-01 22:30:00", "UTC")) is not None


@pytest.mark.parametrize(
    ("line", "strikes", "silent"),
    [
        ("*/15 * * * *", "2026-11-21 10:45", "2026-11-21 10:46"),
        ("5-10/5 3 * * *", "2026-11-21 03:10", "2026-11-21 03:06"),
        ("0 2 * * sat,sun", "2026-11-21 02:00", "2026-11-20 02:00"),
        ("0 2 * * 7", "2026-11-22 02:00", "2026-11-21 02:00"),
        ("0 2 1 * *", "2026-12-01 02:00", "2026-12-02 02:00"),
        ("0 2 1 * mon", "2026-11-23 02:00", "2026-11-24 02:00"),
        ("0 2 * dec *", "2026-12-05 02:00", "2026-11-05 02:00"),
        ("7/20 * * * *", "2026-11-21 10:47", "2026-11-21 10:20"),
    ],
)
def test_crontab_lines(line: str, strikes: str, silent: str) -> None:
    cron = parse_cron(line)
    assert cron.strikes(datetime.fromisoformat(strikes).replace(tzinfo=UTC))
    assert not cron.strikes(datetime.fromisoformat(silent).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "line", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *", "x * * * *"]
)
def test_what_is_no_crontab_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"no |goes from"):
        parse_cron(line)
