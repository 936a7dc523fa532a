"""The recorded series, row by row, on a simulated clock: ways to pause, restarts, due times, what a week and a lease come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.support.duplicati_fake import AT, VERSIONS, series, settled, stage
from watchdog.panels.duplicati.fake.stamps import EPOCH_TICKS, TICKS

YEAR_ONE = "0001-01-01T00:00:00"
SERIES = {version: series(version) for version in VERSIONS}
HOUR = 3600.0


def rows_of(name, member="rows"):
    """Return (version, number) of each row of a series, for all versions that have it."""
    return [(version, number) for version in VERSIONS for number in range(len(SERIES[version].get(name, {}).get(member, [])))]


def wall(text):
    """Return the UNIX seconds of a time with up to seven digits; None = the year 1."""
    if text.startswith("0001"):
        return None
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


def same_end(recorded, recorded_at, got, got_at, within=2.0):
    """Whether two announced ends lie equally far from their now, or are both none, in the same form."""
    one, other = wall(recorded), wall(got)
    if one is None or other is None:
        return recorded == got
    return recorded.endswith("Z") == got.endswith("Z") and abs((one - wall(recorded_at)) - (other - got_at)) < within


def stored_is(stored, end):
    """Whether ``paused-until`` is the announced end."""
    return (int(stored) - EPOCH_TICKS) / TICKS == pytest.approx(wall(end), abs=1e-3)


def same_stored(recorded, got, end):
    """Whether what is stored is of the recorded kind: absent, none, without end, or the announced end."""
    if recorded in {"<absent>", "", "0"}:
        return recorded == got
    return stored_is(got, end)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_way_to_ask_for_a_pause(version, tmp_path):
    rows = SERIES[version]["pause-grammar"]["rows"]
    with stage(tmp_path, version, wall(rows[0]["at_utc"])) as (_, caller, clock):
        wrong = [row["label"] for row in rows if not _asked(caller, clock, row)]
    assert wrong == []
    assert len(rows) == 31


def _asked(caller, clock, row):
    clock.advance(max(0.0, wall(row["at_utc"]) - clock.now().wall))
    caller.post("serverstate/resume")
    before = caller.state()["LastEventID"]
    query = (row["query"] or "").replace(" ", "%20")
    answer = caller.post("serverstate/pause", query, body=row["body"], form=row["form"])
    state = caller.state()
    return (
        (answer.status, answer.body) == (row["http_status"], row["answer"])
        and [state[name] for name in ("ProgramState", "SuggestedStatusIcon")] == [row["ProgramState"], _icon(row, state)]
        and same_end(row["EstimatedPauseEnd"], row["at_utc"], state["EstimatedPauseEnd"], clock.now().wall)
        and state["LastEventID"] - before == row["events"]
        and same_stored(row["paused-until"], caller.stored(), state["EstimatedPauseEnd"])
    )


def _icon(row, state):
    return "ReadyWarning" if state["HasWarning"] and row["SuggestedStatusIcon"] == "Ready" else row["SuggestedStatusIcon"]


@pytest.mark.parametrize("version", VERSIONS)
def test_one_pause_after_another(version, tmp_path):
    steps = SERIES[version]["pause-sequence"]["steps"]
    with stage(tmp_path, version, wall(steps[0]["at_utc"])) as (_, caller, clock):
        offset = None
        for step in steps:
            if "request" in step:
                target, _, query = step["request"].removeprefix("POST /api/v1/").partition("?")
                answer = caller.post(target, query)
                assert (answer.status, answer.body) == (step["http_status"], step["answer"])
            else:
                clock.advance(2.0)
            told, state = {**step, **step.get("state", {})}, caller.state()
            offset = state["LastEventID"] - told["LastEventID"] if offset is None else offset
            assert state["ProgramState"] == told["ProgramState"], step["step"]
            assert state["LastEventID"] - offset == told.get("LastEventID", state["LastEventID"] - offset), step["step"]
            assert (wall(told["EstimatedPauseEnd"]) is None) == (wall(state["EstimatedPauseEnd"]) is None), step["step"]
            if "paused-until" in told:
                assert same_stored(told["paused-until"], caller.stored(), state["EstimatedPauseEnd"]), step["step"]


DURATIONS = {
    "timed 1 h": "3600s",
    "timed 4 s": "4s",
    "timed 48 h": "48h",
    "timed 8 s": "8s",
    "killed 0 s after the pause was accepted": "3600s",
}


@pytest.mark.parametrize("version", VERSIONS)
def test_what_of_a_pause_is_there_after_a_start(version, tmp_path):
    rows = SERIES[version]["restart"]["rows"]
    with stage(tmp_path, version) as (server, caller, clock):
        for row in rows:
            _prepare(caller, clock, row["case"])
            before = caller.state()
            if row is not rows[0]:
                assert {name: before[name] for name in ("ProgramState", "LastEventID", "LastDataUpdateID")} == {
                    name: row["before"][name] for name in ("ProgramState", "LastEventID", "LastDataUpdateID")
                }, row["case"]
            server.world.switches.boot_errors = int(row["old_token_after"] == 500)
            server.restart(killed=row["killed"], down=row["down_s"] + row["boot_s"])
            assert caller.call("GET", "/api/v1/serverstate").status == row["old_token_after"], row["case"]
            _after_start(caller, clock, row, before)
    assert len(rows) == 10


def _prepare(caller, clock, case):
    caller.post("serverstate/resume")
    if case == "startup-delay 20 s, running":
        assert caller.call("PATCH", "/api/v1/serversettings", body={"startup-delay": "20s"}).status == 200
        clock.advance(2.0)
    duration = next((text for name, text in DURATIONS.items() if name in case), None)
    if duration or "indefinite" in case:
        caller.post("serverstate/pause", f"duration={duration}" if duration else "")


def _after_start(caller, clock, row, before):
    after, state, stored = row["after"], caller.state(), caller.stored()
    for name in ("ProgramState", "LastEventID", "LastDataUpdateID", "SuggestedStatusIcon"):
        assert state[name] == after[name], (row["case"], name)
    kept = after["EstimatedPauseEnd"] == row["before"]["EstimatedPauseEnd"]
    delayed = not kept and wall(after["EstimatedPauseEnd"]) is not None
    end = wall(state["EstimatedPauseEnd"])
    if kept:
        assert state["EstimatedPauseEnd"] == before["EstimatedPauseEnd"]
    elif delayed:
        assert end == pytest.approx(clock.now().wall + 20.0, abs=1.0)
    else:
        assert end is None
    recorded = row["paused-until"]
    if recorded in {"<absent>", "", "0"}:
        assert stored == recorded
    else:  # the end that is announced now, or (2.2.0.1) the one before
        same = (int(recorded) - EPOCH_TICKS) / TICKS == pytest.approx(wall(after["EstimatedPauseEnd"]) or 0.0, abs=1e-3)
        assert stored_is(stored, state["EstimatedPauseEnd"] if same else before["EstimatedPauseEnd"])
    clock.advance(1.0)
    assert caller.state()["ProgramState"] == row["later"]["ProgramState"]


def four_jobs(server, due):
    """Add four jobs, the fourth due at ``due`` and every six minutes."""
    for name in ("one", "two", "three"):
        server.world.add_job(name)
    return server.world.add_job("four", time=due, repeat="6m", seconds=0.8)


@pytest.mark.parametrize(("version", "number"), rows_of("overdue-at-boot"))
def test_a_job_that_was_due_while_the_server_was_down(version, number, tmp_path):
    row = SERIES[version]["overdue-at-boot"]["rows"][number]
    with stage(tmp_path, version) as (server, caller, clock):
        due = int(clock.now().wall) + 30
        job = four_jobs(server, due)
        if "startup-delay" in row["case"]:
            caller.call("PATCH", "/api/v1/serversettings", body={"startup-delay": "20s"})
        elif "pause" in row["case"]:
            caller.post("serverstate/pause", "duration=3600s" if "timed" in row["case"] else "")
        server.restart(down=34.0)
        seen = [_seen(caller)]
        began = clock.now().wall
        clock.advance(12.0)
        if row["ran_within_12_s"]:
            seen.append(_seen(caller))
        assert seen == [_told(each) for each in row["observed"]]
        assert bool(server.world.runs) == row["ran_within_12_s"]
        ran = job.schedule.time == due + 360
        assert ran == (wall(row["Schedule"]["Time"]) > wall(row["at_utc"]))
        assert (job.schedule.last_run == int(began)) == ran


def _seen(caller):
    state = caller.state()
    return state["ProgramState"], state["SuggestedStatusIcon"], state["ActiveTask"], state["SchedulerQueueIds"], state["LastEventID"]


def _told(row):
    return row["ProgramState"], row["icon"], row["ActiveTask"], row["Queue"], row["LastEventID"]


NAMES = (
    "ProgramState", "SuggestedStatusIcon", "ActiveTask", "SchedulerQueueIds", "LastEventID", "LastDataUpdateID", "LastNotificationUpdateID",
)  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_that_no_counter_shows(version, tmp_path):
    recorded = SERIES[version]["restart-hidden-by-counters"]
    with stage(tmp_path, version) as (server, caller, clock):
        server.world.add_job("photos", time=clock.now().wall + 9000, repeat="6m", seconds=0.8)
        server.restart()
        caller.post("serverstate/pause", "duration=3600s")
        body = caller.get("backup/1")
        body["Schedule"] |= {"Time": _iso(clock.now().wall + 4), "AllowedDays": None}
        assert caller.put("1", body).status == recorded["put_status"]
        clock.advance(6.0)
        assert {name: caller.state()[name] for name in NAMES} == recorded["before"]
        server.restart()
        for number, row in enumerate(recorded["after"]):
            clock.advance(2.0 if number else 0.0)
            assert {name: caller.state()[name] for name in NAMES} == {name: row[name] for name in NAMES}


def _iso(at):
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("version", [version for version in VERSIONS if "pause-posted-again-after-restart" in SERIES[version]])
def test_a_pause_posted_again_is_real(version, tmp_path):
    with stage(tmp_path, version) as (server, caller, clock):
        server.world.add_job("photos", seconds=0.5)
        for row in SERIES[version]["pause-posted-again-after-restart"]["rows"]:
            runs = len(server.world.runs)
            match row["step"]:
                case "paused 1 h":
                    caller.post("serverstate/pause", "duration=3600s")
                case "pause posted again":
                    caller.post("serverstate/pause", "duration=1800s")
                case "restarted" | "restarted again, pause still on record":
                    server.restart()
                case "run asked for":
                    caller.post("backup/1/run")
                case "resumed":
                    caller.post("serverstate/resume")
            clock.advance(5.0)
            state = caller.state()
            told = [state[name] for name in ("ProgramState", "SuggestedStatusIcon", "ActiveTask", "SchedulerQueueIds")]
            assert told == [row["ProgramState"], row["icon"], row["ActiveTask"], row["Queue"]], row["step"]
            assert (len(server.world.runs) > runs) == row.get("ran", False), row["step"]
            assert (wall(state["EstimatedPauseEnd"]) is None) == (wall(row["EstimatedPauseEnd"]) is None)


@pytest.mark.parametrize("version", [version for version in VERSIONS if "pause-7-days-fast-clock" in SERIES[version]])
def test_a_pause_of_seven_days_ends_after_one(version, tmp_path):
    rows = SERIES[version]["pause-7-days-fast-clock"]["rows"]
    posted = wall(rows[0]["EstimatedPauseEnd"]) - 7 * 24 * HOUR
    with stage(tmp_path, version, posted) as (_, caller, clock):
        assert caller.post("serverstate/pause", "duration=7D").status == 200
        for row in rows:
            clock.advance(wall(row["server_time"]) - clock.now().wall)
            state = caller.login().state()
            assert state["ProgramState"] == row["ProgramState"]
            assert same_end(row["EstimatedPauseEnd"], row["server_time"], state["EstimatedPauseEnd"], clock.now().wall)


def test_the_old_line_keeps_a_pause_of_two_days_while_it_lives(tmp_path):
    with stage(tmp_path, "2.1.0.5") as (server, caller, clock):
        caller.post("serverstate/pause", "duration=2D")
        clock.advance(47 * HOUR)
        assert server.world.program == "Paused"
        clock.advance(1 * HOUR)
        assert server.world.program == "Running"


@pytest.mark.parametrize("version", VERSIONS)
def test_leases_of_twelve_hours_hold(version, tmp_path):
    recorded = SERIES["2.3.0.4"]["lease-12-hours-fast-clock"]
    with stage(tmp_path, version) as (server, caller, clock):
        paused = 0
        for number in range(recorded["readings"]):
            if number % (recorded["readings"] // recorded["posts"]) == 0:
                assert caller.login().post("serverstate/pause", "duration=43200s").status == 200
            clock.advance(5.5 * HOUR * recorded["posts"] / recorded["readings"])
            paused += server.world.program == "Paused"
        assert recorded["readings"] - paused == recorded["readings_not_paused"] == 0
        assert clock.now().wall - AT > 40 * HOUR


@pytest.mark.parametrize("version", VERSIONS)
def test_a_job_due_under_a_pause_runs_after_it_wherever_its_time_is_moved(version, tmp_path):
    recorded, then = SERIES[version]["due-while-paused"], SERIES[version]["due-while-paused-then-moved"]
    resumed = SERIES["2.3.0.4"]["due-while-paused-resumed"]
    with stage(tmp_path, version) as (server, caller, clock):
        due = int(clock.now().wall) + 6
        job = four_jobs(server, due)
        caller.post("serverstate/pause")
        clock.advance(10.0)
        _like(caller, recorded["state"])
        assert caller.get("backup/4")["Schedule"]["Time"] == _iso(due)
        before = caller.state()
        body = caller.get("backup/4")
        body["Schedule"]["Time"] = "2027-03-01T02:00:00Z"
        assert caller.put("4", body).status == then["put_status"]
        clock.advance(4.0)
        _like(caller, then["state"])
        assert caller.state()["LastEventID"] - before["LastEventID"] == then["state"]["LastEventID"] - recorded["state"]["LastEventID"]
        caller.post("serverstate/resume")
        settled(caller, clock)
        assert [run.backup for run in server.world.runs] == ["4"]
        late = wall(resumed["Schedule"]["Time"]) - wall(recorded_due(resumed))
        assert job.schedule.time == due + late == due + 360


def recorded_due(resumed):
    """Return when that job was due: the next time less its six minutes."""
    return _iso(wall(resumed["Schedule"]["Time"]) - 360)


def _like(caller, recorded):
    state = caller.state()
    names = ("ActiveTask", "ProgramState", "SuggestedStatusIcon")
    assert [state[name] for name in names] == [recorded[name] for name in names]
    assert [each["Item2"] for each in state["SchedulerQueueIds"]] == [each["Item2"] for each in recorded["SchedulerQueueIds"]]
    mine, theirs = ([each["Item2"] for each in told["ProposedSchedule"] if each["Item1"] == "4"] for told in (state, recorded))
    assert (mine[0][:4], len(mine)) == (theirs[0][:4], len(theirs))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_time_moves_when_the_run_has_ended(version, tmp_path):
    first, last = SERIES[version]["schedule-due"]["rows"]
    with stage(tmp_path, version) as (server, caller, clock):
        due = int(clock.now().wall) + 4
        four_jobs(server, due)
        clock.advance(2.0)
        before = caller.get("backup/4")
        assert (before["Schedule"]["LastRun"], before["Backup"]["Metadata"]) == (first["LastRun"], {})
        assert caller.state()["ProposedSchedule"] == [{"Item1": "4", "Item2": before["Schedule"]["Time"]}]
        clock.advance(10.0)
        after = caller.get("backup/4")
        moved = wall(last["Time"]) - wall(first["Time"])
        assert wall(after["Schedule"]["Time"]) - due == moved == 360
        assert wall(after["Schedule"]["LastRun"]) - due == wall(last["LastRun"]) - wall(first["Time"]) == 0
        assert caller.state()["ProposedSchedule"] == [{"Item1": "4", "Item2": after["Schedule"]["Time"]}]
        assert after["Backup"]["Metadata"]["LastBackupFinished"]


@pytest.mark.parametrize("version", VERSIONS)
def test_on_a_day_that_is_left_out_nothing_runs_and_the_time_stays_in_the_past(version, tmp_path):
    recorded = SERIES["2.3.0.4"]["schedule-weekday-not-today"]
    due = wall(recorded["Schedule"]["Time"])
    with stage(tmp_path, version, due - 4) as (server, caller, clock):
        for name in ("one", "two"):
            server.world.add_job(name)
        server.world.add_job("three", time=due, days=("mon",))
        clock.advance(10.0)
        schedule = caller.get("backup/3")["Schedule"]
        assert (schedule["Time"], schedule["Rule"]) == (recorded["Schedule"]["Time"], recorded["Schedule"]["Rule"])
        assert caller.state()["ProposedSchedule"] == recorded["ProposedSchedule"][:1]
        assert (caller.state()["ActiveTask"], server.world.runs) == (recorded["ActiveTask"], [])
