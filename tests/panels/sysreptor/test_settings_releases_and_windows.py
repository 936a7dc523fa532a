"""What may be configured, which releases are broken how, and when a window is open."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from watchdog.panels.sysreptor.releases import BROKEN, FinishedRow, broken_in, finished_row, parse_version
from watchdog.panels.sysreptor.settings import SysreptorSettings

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
        ({"run": {"window": {"cron": "0 2 * *"}}}, "cron expression"),
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


def test_the_window_is_a_crontab_line_in_its_zone() -> None:
    night = SysreptorSettings.model_validate(PLAIN | {"run": {"window": {"cron": "30 23 * * *", "lasts": "2h", "zone": "Europe/Vienna"}}})
    window = night.run.window.window
    assert window.closes_at(at("2026-07-02 00:10:00", "Europe/Vienna")) == at("2026-07-02 01:30:00", "Europe/Vienna")
    assert window.closes_at(at("2026-07-01 21:29:00", "UTC")) is None
    assert window.opens_at(at("2026-07-01 21:29:00", "UTC")) == at("2026-07-01 21:30:00", "UTC")
