"""Times in Wings' log have no year, and the hour of whatever zone the process has; the file's mtime tells which one fits."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watchdog.panels.pterodactyl.wings_times import Zone, contradicts, epoch, fitting

BERLIN = ZoneInfo("Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("stamp", "zone", "bound", "means"),
    [
        ("May  4 08:00:55.117", UTC, "2026-05-04T09:00+00:00", "2026-05-04T08:00:55.117+00:00"),
        ("May  4 08:00:55.117", BERLIN, "2026-05-04T09:00+00:00", "2026-05-04T06:00:55.117+00:00"),
        ("Dec 31 23:59:59.999", UTC, "2027-01-03T00:00+00:00", "2026-12-31T23:59:59.999+00:00"),
        ("Jan  1 00:00:00.000", UTC, "2026-12-31T23:59:30+00:00", "2027-01-01T00:00:00+00:00"),  # our clock is half a minute behind
        ("Jan  1 00:30:00.000", BERLIN, "2026-12-31T23:31:00+00:00", "2026-12-31T23:30:00+00:00"),
        ("Feb 29 12:00:00.000", UTC, "2026-03-01T00:00+00:00", "2024-02-29T12:00:00+00:00"),
        ("Nov 22 12:00:00.000", UTC, "2026-11-20T00:00+00:00", "2025-11-22T12:00:00+00:00"),  # two days ahead is last year's
    ],
)
def test_the_year_is_the_latest_that_the_line_can_be_of(stamp, zone, bound, means):
    assert epoch(stamp, zone, at(bound)) == pytest.approx(at(means), abs=0.001)


@pytest.mark.parametrize(
    "text", ["", "May 4 08:00:55.117", "Mai  4 08:00:55.117", "May  4 08:00:55", "Feb 31 08:00:00.000", "May  4 25:00:00.000"]
)
def test_what_is_no_time_is_none(text):
    assert epoch(text, UTC, at("2026-05-04T09:00+00:00")) is None


def test_the_second_pass_of_a_repeated_hour_is_told_by_the_line_before():
    bound = at("2026-10-25T06:00+00:00")
    first = epoch("Oct 25 02:10:00.000", BERLIN, bound, at("2026-10-24T23:50+00:00"))
    second = epoch("Oct 25 02:10:00.000", BERLIN, bound, at("2026-10-25T00:50+00:00"))
    assert first == at("2026-10-25T00:10+00:00")
    assert second == at("2026-10-25T01:10+00:00")


def test_an_hour_that_the_clocks_skip_is_read_all_the_same():
    assert epoch("Mar 29 02:30:00.000", BERLIN, at("2026-03-29T06:00+00:00")) == at("2026-03-29T01:30+00:00")


def test_the_zone_that_fits_the_files_mtime_is_chosen_whatever_the_configuration_says():
    zones = (Zone("Europe/Berlin", BERLIN), Zone("UTC", UTC), Zone("Asia/Kolkata", ZoneInfo("Asia/Kolkata")))
    written = at("2026-05-04T08:00:56+00:00")
    assert fitting("May  4 08:00:55.117", written, zones) == zones[1]
    assert fitting("May  4 13:30:55.117", written, zones) == zones[2]
    assert fitting("May  4 17:00:55.117", written, zones) is None


@pytest.mark.parametrize(
    ("stamp", "no"),
    [
        ("May  4 08:00:55.117", False),
        ("May  4 10:00:55.117", True),
        ("May  4 02:15:56.117", True),
        ("May  4 07:51:00.000", False),  # ten minutes are no zone: somebody touched the file
        ("Apr  1 08:00:55.117", False),  # a file of weeks ago that was touched
    ],
)
def test_whole_quarters_of_an_hour_between_line_and_mtime_are_another_zone(stamp, no):
    assert contradicts(stamp, at("2026-05-04T08:00:56+00:00"), Zone("UTC", UTC)) is no
