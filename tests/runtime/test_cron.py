"""Cron expressions: the newest time that has been, the next one to come, and the windows they open, by the clock of a zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from watchdog.runtime.cron import Window, parse_cron, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def last(expression, before, zone=BERLIN):
    found = parse_cron(expression).last(datetime.fromisoformat(before).replace(tzinfo=zone).timestamp(), zone)
    return found and datetime.fromtimestamp(found, zone).isoformat()


@pytest.mark.parametrize(
    ("expression", "before", "expected"),
    [
        ("30 3 * * *", "2026-11-21T03:29:59", "2026-11-20T03:30:00+01:00"),
        ("30 3 * * *", "2026-11-21T03:30:00", "2026-11-21T03:30:00+01:00"),
        ("@daily", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00"),
        ("@hourly", "2026-11-21T13:59:59", "2026-11-21T13:00:00+01:00"),
        ("*/20 8-10 * * *", "2026-11-21T23:00:00", "2026-11-21T10:40:00+01:00"),
        ("5/20 * * * *", "2026-11-21T23:44:00", "2026-11-21T23:25:00+01:00"),
        ("0 4 * * mon", "2026-11-21T23:00:00", "2026-11-16T04:00:00+01:00"),
        ("0 4 * * 7", "2026-11-21T23:00:00", "2026-11-15T04:00:00+01:00"),
        ("0 4 * * 0", "2026-11-21T23:00:00", "2026-11-15T04:00:00+01:00"),
        ("0 4 * * 1-5", "2026-11-22T23:00:00", "2026-11-20T04:00:00+01:00"),
        ("0 4 1,15 * *", "2026-11-21T23:00:00", "2026-11-15T04:00:00+01:00"),
        ("0 4 13 * fri", "2026-11-21T23:00:00", "2026-11-20T04:00:00+01:00"),  # either day is enough
        ("0 4 */2 * fri", "2026-11-21T23:00:00", "2026-11-13T04:00:00+01:00"),  # a star restricts nothing: both are needed
        ("0 0 31 12 *", "2026-11-21T23:00:00", "2025-12-31T00:00:00+01:00"),
        ("0 0 29 feb *", "2026-11-21T23:00:00", "2024-02-29T00:00:00+01:00"),
        # the clock goes forward on 29 March 2026 at 2, back on 25 October at 3
        ("30 2 * * *", "2026-03-29T12:00:00", "2026-03-29T03:00:00+02:00"),
        ("30 2 * * *", "2026-10-25T12:00:00", "2026-10-25T02:30:00+02:00"),
        ("30 1 * * *", "2026-03-29T12:00:00", "2026-03-29T01:30:00+01:00"),
    ],
)
def test_the_newest_time_that_has_been(expression, before, expected):
    assert last(expression, before) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "a * * * *", "5-1 * * * *", "*/0 * * * *",
        "1--2 * * * *", "0 0 31 2 *", "@never", "* * * * * *", "² * * * *",
    ],
)  # fmt: skip
def test_what_is_no_expression_says_what_would_be_right(expression):
    with pytest.raises(ValueError, match="write"):
        parse_cron(expression)


FIELDS = st.tuples(
    st.sampled_from(["*", "0", "30", "*/7", "5-10"]),
    st.sampled_from(["*", "0", "23", "*/5", "8-10,12"]),
    st.sampled_from(["*", "1", "31", "10-20"]),
    st.sampled_from(["*", "1", "2,7", "*/3"]),
)


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.integers(1_700_000_000, 1_900_000_000))
def test_another_reading_of_cron_agrees(fields, before):
    """APScheduler looks forward from just before our answer, and finds it; from our answer on it finds nothing before now."""
    expression = " ".join(fields) + " *"
    zone = ZoneInfo("UTC")
    found = parse_cron(expression).last(float(before), zone)
    trigger = CronTrigger.from_crontab(expression, timezone=zone)
    following = trigger.get_next_fire_time(None, datetime.fromtimestamp(found, zone))
    assert following.timestamp() == found
    after = trigger.get_next_fire_time(None, datetime.fromtimestamp(found + 1, zone))
    assert after.timestamp() > before


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("30 3 * * *", "2026-11-21T03:29:59", "2026-11-21T03:30:00+01:00"),
        ("30 3 * * *", "2026-11-21T03:30:00", "2026-11-22T03:30:00+01:00"),
        ("0 0 29 feb *", "2026-11-21T23:00:00", "2028-02-29T00:00:00+01:00"),
        ("30 2 * * *", "2026-03-29T01:00:00", "2026-03-29T03:00:00+02:00"),
        ("30 2 * * *", "2026-10-25T01:00:00", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_the_next_time_to_come(expression, after, expected):
    found = parse_cron(expression).next(datetime.fromisoformat(after).replace(tzinfo=BERLIN).timestamp(), BERLIN)
    assert datetime.fromtimestamp(found, BERLIN).isoformat() == expected


@settings(max_examples=60, deadline=None)
@given(FIELDS, st.integers(1_700_000_000, 1_900_000_000))
def test_forwards_and_backwards_agree(fields, now):
    """Nothing lies between the newest time that has been and the next one, and both ways name the same times."""
    cron, zone = parse_cron(" ".join(fields) + " *"), ZoneInfo("UTC")
    last, following = cron.last(float(now), zone), cron.next(float(now), zone)
    assert last <= now < following
    assert cron.next(last, zone) == following
    assert cron.last(following - 1, zone) == last


@pytest.mark.parametrize(
    ("now", "closes", "opens"),
    [
        ("01:59:59", None, "2026-11-21T02:00:00+00:00"),
        ("02:00:00", "2026-11-21T05:00:00+00:00", "2026-11-22T02:00:00+00:00"),
        ("04:59:59", "2026-11-21T05:00:00+00:00", "2026-11-22T02:00:00+00:00"),
        ("05:00:00", None, "2026-11-22T02:00:00+00:00"),
    ],
)
def test_a_window_is_open_from_its_time_on_and_shut_after_it(now, closes, opens):
    window = Window(parse_cron("0 2 * * *"), 3 * 3600.0, ZoneInfo("UTC"))
    at = datetime.fromisoformat(f"2026-11-21T{now}+00:00").timestamp()
    found = window.closes_at(at)
    assert (found and datetime.fromtimestamp(found, ZoneInfo("UTC")).isoformat()) == closes
    assert datetime.fromtimestamp(window.opens_at(at), ZoneInfo("UTC")).isoformat() == opens


def test_a_window_that_opens_again_while_open_closes_later():
    window = Window(parse_cron("0 * * * *"), 5400.0, ZoneInfo("UTC"))
    at = datetime.fromisoformat("2026-11-21T02:10:00+00:00").timestamp()
    assert window.closes_at(at) == datetime.fromisoformat("2026-11-21T03:30:00+00:00").timestamp()


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "a\0b"])
def test_an_unknown_zone_is_named(name):
    with pytest.raises(ValueError, match="no time zone"):
        zone_of(name)


@pytest.mark.parametrize("expression", ["30 2 * * *", "0 2 * * *", "0 3 * * *", "15 1 * * *", "5 2-3 * * *", "*/20 * * * *"])
@pytest.mark.parametrize(
    ("zone", "noon"),
    [("Europe/Vienna", "2026-03-28"), ("Europe/Vienna", "2026-10-24"), ("Australia/Lord_Howe", "2026-04-04"), ("UTC", "2026-10-24")],
)
def test_last_and_next_agree_in_all_of_a_night_in_which_the_clock_changes(expression, zone, noon):
    cron, place = parse_cron(expression), ZoneInfo(zone)
    began = datetime.fromisoformat(f"{noon}T12:00").replace(tzinfo=place).timestamp()
    times = set()
    for minute in range(0, 24 * 60, 10):
        at = began + 60 * minute
        before, after = cron.last(at, place), cron.next(at, place)
        assert before <= at < after
        assert cron.next(before - 1, place) == before
        assert not any(before < known <= at for known in times)
        times |= {before, after}
