"""Times in the writer's zone: missing years and days, repeated and skipped hours."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from watchdog.collectors.logs.times import TimeReader
from watchdog.errors import BadSettings

WINGS = "%b %d %H:%M:%S.%f"


def stamp(text, zone="UTC", fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("form", "zone", "text", "now", "expected"),
    [
        ("iso", "UTC", "2026-05-04T08:00:55.117Z", "2026-05-04T09:00:00", "2026-05-04T08:00:55.117"),
        ("iso", "UTC", "2026-05-04 08:00:55,117", "2026-05-04T09:00:00", "2026-05-04T08:00:55.117"),
        ("iso", "UTC", "2026-05-04T08:00:55.123456789Z", "2026-05-04T09:00:00", "2026-05-04T08:00:55.123456"),
        ("iso", "Europe/Berlin", "2026-05-04T08:00:55", "2026-05-04T09:00:00", "2026-05-04T06:00:55"),
        ("iso", "Europe/Berlin", "2026-05-04T08:00:55+00:00", "2026-05-04T09:00:00", "2026-05-04T08:00:55"),
        ("iso", "UTC", "2031-01-01T00:00:00Z", "2026-05-04T09:00:00", "2031-01-01T00:00:00"),
        (WINGS, "UTC", "May  4 08:00:55.117", "2026-05-04T09:00:00", "2026-05-04T08:00:55.117"),
        (WINGS, "Asia/Tokyo", "May  4 08:00:55.117", "2026-05-04T09:00:00", "2026-05-03T23:00:55.117"),
        (WINGS, "UTC", "Dec 31 23:59:59.9", "2027-01-01T00:00:05", "2026-12-31T23:59:59.9"),
        (WINGS, "UTC", "Jan  1 00:00:01.0", "2026-12-31T23:59:59", "2027-01-01T00:00:01"),
        (WINGS, "Pacific/Auckland", "Jan  1 00:30:00.0", "2026-12-31T12:00:00", "2026-12-31T11:30:00"),
        (WINGS, "America/Los_Angeles", "Dec 31 23:30:00.0", "2027-01-01T08:00:00", "2027-01-01T07:30:00"),
        (WINGS, "UTC", "Jun  1 00:00:00.0", "2026-05-04T09:00:00", "2025-06-01T00:00:00"),
        (WINGS, "UTC", "Feb 29 12:00:00.0", "2025-01-10T00:00:00", "2024-02-29T12:00:00"),
        (WINGS, "UTC", "Feb 29 12:00:00.0", "2028-03-01T00:00:00", "2028-02-29T12:00:00"),
        ("%H:%M:%S", "UTC", "23:59:58", "2026-05-04T00:00:02", "2026-05-03T23:59:58"),
        ("%H:%M:%S", "UTC", "00:00:01", "2026-05-03T23:59:59", "2026-05-04T00:00:01"),
        ("%H:%M:%S", "UTC", "10:00:00", "2026-05-04T12:00:00", "2026-05-04T10:00:00"),
        ("%H:%M:%S", "Europe/Berlin", "01:00:00", "2026-05-03T23:30:00", "2026-05-03T23:00:00"),
        ("%d/%b/%Y:%H:%M:%S %z", "UTC", "04/May/2026:10:00:55 +0200", "2026-05-04T09:00:00", "2026-05-04T08:00:55"),
        ("%y%m%d %H%M", "UTC", "260504 0801", "2026-05-04T09:00:00", "2026-05-04T08:01:00"),
    ],
)
def test_a_time_is_read_as_its_writer_meant_it(form, zone, text, now, expected):
    assert TimeReader(form, zone).read(text, stamp(now)) == pytest.approx(stamp(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("form", "text"), [("iso", "soon"), ("iso", ""), (WINGS, "Foo 99 x"), (WINGS, "Feb 30 00:00:00.0"), ("%H:%M", "25:00")]
)
def test_what_is_no_time_is_none(form, text):
    assert TimeReader(form, "UTC").read(text, stamp("2026-05-04T09:00:00")) is None


def test_a_repeated_hour_is_told_apart_by_what_came_before():
    """On 2026-10-25 Berlin's clocks show 02:00 to 03:00 twice: first at 00:00 UTC, again at 01:00 UTC."""
    reader = TimeReader("iso", "Europe/Berlin")
    first, second = stamp("2026-10-25T00:30:00"), stamp("2026-10-25T01:30:00")
    text = "2026-10-25T02:30:00"

    assert reader.read(text, first + 1) == first
    assert reader.read(text, first + 1, after=first - 60) == first
    assert reader.read(text, second + 1, after=stamp("2026-10-25T00:59:59")) == second
    assert reader.read(text, second + 1, after=second - 3) == second
    # behind in reading: the line before it was still of the first pass
    assert reader.read(text, second + 7200, after=first - 60) == first


def test_a_whole_night_of_lines_stays_in_order():
    reader = TimeReader(WINGS, "Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    begin = stamp("2026-10-24T22:00:00")
    after = None
    for minute in range(0, 6 * 60, 7):
        true = begin + 60 * minute
        text = datetime.fromtimestamp(true, zone).strftime(WINGS)
        assert reader.read(text, true + 2, after) == pytest.approx(true), datetime.fromtimestamp(true, ZoneInfo("UTC"))
        after = true


def test_a_night_of_lines_over_the_skipped_hour_stays_in_order():
    reader = TimeReader(WINGS, "Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    begin = stamp("2026-03-28T23:00:00")
    for minute in range(0, 4 * 60, 7):
        true = begin + 60 * minute
        assert reader.read(datetime.fromtimestamp(true, zone).strftime(WINGS), true + 2, true - 420) == pytest.approx(true)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd"])
def test_a_zone_that_is_none_is_refused(zone):
    with pytest.raises(BadSettings, match="time zone"):
        TimeReader("iso", zone)
