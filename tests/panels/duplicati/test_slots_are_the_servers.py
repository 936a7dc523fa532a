"""The slots of a schedule, as the server's own scheduler finds them: days, clock changes, repetitions, weekdays."""

import itertools
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.panels.duplicati.schedules import due_slot, first_slot, on_grid, repeat_of
from watchdog.panels.duplicati.view import Schedule

VIENNA = ZoneInfo("Europe/Vienna")


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds", "months", "daily"),
    [("1D", 86400, 0, True), ("6h", 21600, 0, False), ("1h30m", 5400, 0, False), ("1W", 604800, 0, True), ("1M", 0, 1, True),
     ("1Y", 0, 12, True), ("1D12h", 129600, 0, False), ("600", 600, 0, False), ("2W1D", 1296000, 0, True)],
)  # fmt: skip
def test_a_repetition_is_read_as_the_server_reads_it(text, seconds, months, daily):
    found = repeat_of(text)
    assert found is not None and (found.seconds, found.months, found.daily) == (seconds, months, daily)


@pytest.mark.parametrize("text", ["", "soon", "1d", "1.5h", "0", "0s", "-5", "1D!", "h", "12"[:0], "1D 5", "9999999D"])
def test_what_is_no_repetition_plans_nothing(text):
    assert repeat_of(text) is None
    assert due_slot(Schedule(0.0, text), UTC) is None


ROWS = [
    # time, repeat, days, zone, not before, first slot
    ("2026-11-21T02:00", "1D", (), UTC, "2026-11-21T02:00", "2026-11-21T02:00"),
    ("2026-11-21T02:00", "1D", (), UTC, "2026-11-21T02:00:01", "2026-11-22T02:00"),
    ("2026-11-21T02:00", "6h", (), UTC, "2026-11-28T03:00", "2026-11-28T08:00"),
    ("2026-11-21T02:00", "1W", (), UTC, "2027-01-01T00:00", "2027-01-02T02:00"),
    ("2026-01-31T02:00", "1M", (), UTC, "2026-02-01T00:00", "2026-02-28T02:00"),
    ("2024-02-29T02:00", "1Y", (), UTC, "2024-03-01T00:00", "2025-02-28T02:00"),
    # schedule-weekday-not-today: a Saturday, Mondays allowed
    ("2026-11-21T01:19:43", "1D", ("mon",), UTC, "2026-11-21T01:19:43", "2026-11-23T01:19:43"),
    ("2026-11-21T01:00", "6h", ("mon",), UTC, "2026-11-21T01:00", "2026-11-23T01:00"),
    ("2026-11-21T23:30", "6h", ("mon",), UTC, "2026-11-21T23:30", "2026-11-23T05:30"),
    # a weekly job whose day is not allowed is moved on by days
    ("2026-11-21T01:00", "1W", ("tue",), UTC, "2026-11-22T00:00", "2026-12-01T01:00"),
    # what is Monday in the server's zone counts
    ("2026-11-22T23:30", "1D", ("mon",), VIENNA, "2026-11-22T00:00", "2026-11-22T23:30"),
]


@pytest.mark.parametrize(("time", "repeat", "days", "zone", "after", "first"), ROWS)
def test_the_first_slot_from_a_moment_on(time, repeat, days, zone, after, first):
    assert first_slot(Schedule(at(time), repeat, days), zone, at(after)) == at(first)


@pytest.mark.parametrize("night", ["2026-03-29", "2026-10-25"])
def test_days_keep_the_time_of_day_over_a_change_of_the_clock(night):
    before = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=VIENNA) - timedelta(days=1)
    schedule = Schedule(before.timestamp(), "1D")
    then = first_slot(schedule, VIENNA, before.timestamp() + 36 * 3600)
    assert then is not None
    shown = datetime.fromtimestamp(then, VIENNA)
    assert (shown.hour, shown.minute) == (12, 0) and shown.date() == before.date() + timedelta(days=2)


@pytest.mark.parametrize(("night", "gap"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_hours_do_not_keep_it(night, gap):
    noon = datetime.fromisoformat(f"{night}T12:00").replace(tzinfo=VIENNA) - timedelta(days=1)
    schedule = Schedule(noon.timestamp(), "24h")
    found = first_slot(schedule, VIENNA, noon.timestamp() + 3600)
    assert found == noon.timestamp() + 86400
    assert datetime.fromtimestamp(found, VIENNA).hour == 12 + (24 - gap)


def test_a_slot_in_the_night_of_the_change_is_not_lost():
    schedule = Schedule(datetime(2026, 3, 28, 2, 30, tzinfo=VIENNA).timestamp(), "1D")
    found, slots = schedule.time, []
    for _ in range(3):
        found = first_slot(schedule, VIENNA, found + 1)
        slots.append(found)
    assert all(20 * 3600 < later - earlier < 28 * 3600 for earlier, later in itertools.pairwise(slots))


def test_a_job_waits_for_the_slot_after_its_last_run():
    late = Schedule(at("2026-11-21T02:00"), "1D", (), at("2026-11-23T02:10"))
    assert due_slot(late, UTC) == at("2026-11-24T02:00")
    assert due_slot(Schedule(None, "1D"), UTC) is None


@given(
    start=st.integers(1_600_000_000, 1_900_000_000), repeat=st.sampled_from(["1D", "2D", "1W", "6h", "90m", "1M", "1D6h"]),
    days=st.sets(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])), ahead=st.integers(0, 400 * 86400),
    zone=st.sampled_from([UTC, VIENNA, ZoneInfo("America/New_York"), timezone(timedelta(hours=5, minutes=30))]),
)  # fmt: skip
def test_every_slot_is_on_the_grid_in_time_and_on_an_allowed_day(start, repeat, days, ahead, zone):
    schedule = Schedule(float(start), repeat, tuple(sorted(days)))
    found = first_slot(schedule, zone, float(start + ahead))
    if found is None:
        assert days and repeat_of(repeat).seconds % 86400 == 0 and not repeat_of(repeat).daily
        return
    assert found >= start + ahead
    assert not days or ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[datetime.fromtimestamp(found, zone).weekday()] in days
    assert on_grid(schedule, zone, found)
    if days == set() and repeat in {"1D", "6h", "90m"}:
        assert found - (start + ahead) < repeat_of(repeat).seconds + 3600.0


@given(start=st.integers(1_600_000_000, 1_900_000_000), ahead=st.integers(0, 60 * 86400), repeat=st.sampled_from(["1D", "6h", "2D"]))
def test_the_short_way_finds_what_walking_finds(start, ahead, repeat):
    schedule, interval = Schedule(float(start), repeat), repeat_of(repeat)
    walked = schedule.time
    while walked < start + ahead:
        walked = interval.after(walked, VIENNA)
    found = first_slot(schedule, VIENNA, float(start + ahead))
    # only a slot in the hour that is left out (and all behind it, for walking carries the shift along) may differ, by that hour
    assert found == walked or abs(found - walked) in {3600.0, 86400.0 - 3600.0, 86400.0, interval.seconds}
