"""Settings: what is wrong is named, and a URL is never shown."""

from __future__ import annotations

from datetime import time

import pytest

from watchdog import settings
from watchdog.errors import BadSettings
from watchdog.notify.settings import QuietHours

SECRET = "https://hooks.example/T0/s3cr3t"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("notify: {channels: [{name: a, url: '%s', url_file: /x}]}", "give one of url_file and url"),
        ("notify: {channels: [{name: a}]}", "give one of url_file and url"),
        ("notify: {channels: [{name: a, url: '%s', rate: often}]}", "is not a rate"),
        ("notify: {channels: [{name: a, url: '%s', events: [sunrise]}]}", "notify.channels"),
        ("notify: {channels: [{name: a, url: '%s', quiet: {begin: 25, end: '07:00'}}]}", "quiet"),
        ("notify: {channels: [{name: a, url: '%s'}, {name: a, url: '%s'}]}", "two channels are called 'a'"),
        ("alertmanager: {url: 'http://user:pw@host'}", "alertmanager.url"),
        ("alertmanager: {url: 'http://host', matchers: {target: x}}", "is no label to match"),
    ],
)
def test_what_is_wrong_is_named_without_the_url(text: str, says: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings.parse(text.replace("%s", SECRET), "test", {})
    assert says in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_a_url_is_not_shown_by_what_was_read() -> None:
    loaded = settings.parse(f"notify: {{channels: [{{name: a, url: '{SECRET}', rate: 30/h}}]}}", "test", {})
    assert "s3cr3t" not in repr(loaded) + str(loaded.model_dump())
    assert (loaded.notify.channels[0].rate, loaded.notify.channels[0].resolved()) == (30, SECRET)


@pytest.mark.parametrize(
    ("begin", "end", "at", "quiet"),
    [
        ("22:00", "07:00", time(23, 0), True), ("22:00", "07:00", time(6, 59), True), ("22:00", "07:00", time(7, 0), False),
        ("22:00", "07:00", time(12, 0), False), ("12:00", "13:00", time(12, 30), True), ("12:00", "13:00", time(13, 0), False),
        ("12:00", "12:00", time(12, 0), False),
    ],
)  # fmt: skip
def test_quiet_hours_go_over_midnight(begin: str, end: str, at: time, quiet: bool) -> None:
    assert QuietHours(begin=begin, end=end).holds(at) is quiet
