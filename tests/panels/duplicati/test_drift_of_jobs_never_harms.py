"""Whatever a server says and whatever happens to it: no order of looks lets the rules propose harm, contradict themselves or fall over."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.duplicati_looks import HOUR, START, job, looks, paused, result
from watchdog.panels.duplicati import kinds, remedies
from watchdog.panels.duplicati.kinds_pause import PAUSE_KINDS
from watchdog.panels.duplicati.reports import ENDINGS, Report
from watchdog.panels.duplicati.states import Task
from watchdog.panels.duplicati.traces import Evidence, JobDatabase, SourceSeen
from watchdog.panels.duplicati.view import Details, Notification, Schedule
from watchdog.panels.duplicati.witness import Pulse

NAMES = {each.name for each in kinds.BACKUP_KINDS} | {each.name for each in PAUSE_KINDS}
OURS = {each.name: each for each in kinds.BACKUP_KINDS}
times = st.one_of(st.none(), st.floats(START - 40 * 24 * HOUR, START + 40 * 24 * HOUR))
words = st.sampled_from(["Success", "Warning", "Error", "Fatal", "Unknown"])
topics = st.sampled_from(["", "other", "cancelled", "source_missing", "missing_files", "unrecorded_files", "damaged_file"])
schedules = st.one_of(
    st.none(),
    st.builds(
        Schedule, times, st.sampled_from(["1D", "6h", "1W", "1M", "", "never", "0", "10m"]),
        st.lists(st.sampled_from(["mon", "tue", "sun"]), unique=True).map(tuple), times,
    ),
)  # fmt: skip


def change_schedule(found, draw):
    found.change(schedule=draw(schedules))


def change_metadata(found, draw):
    found.note(finished=draw(times), newest=draw(times), error_at=draw(times), error=draw(topics),
               source_bytes=draw(st.one_of(st.none(), st.integers(0, 10**12))), source_files=draw(st.integers(0, 10**6)))  # fmt: skip


def change_result(found, draw):
    at = draw(times)
    made = result(at, draw(words), draw(st.integers(1, 5)), partial=draw(st.booleans()), interrupted=draw(st.booleans())) if at else None
    found.change(result=made, last=made, log_read=draw(st.booleans()))


def change_task(found, draw):
    found.state["active"] = draw(st.one_of(st.none(), st.builds(Task, st.integers(2, 4), st.sampled_from(["", "1", "2", "gone"]))))
    found.state["queue"] = draw(st.lists(st.builds(Task, st.integers(5, 9), st.sampled_from(["", "1", "2"])), max_size=2).map(tuple))
    if found.state["active"] is not None and draw(st.booleans()):
        found.moves(draw(st.sampled_from("ab")), task=found.state["active"].id, ident=found.state["active"].backup)
    else:
        found.progress = None


def change_server(found, draw):
    found.state["paused"] = draw(st.booleans())
    found.state["proposed"] = draw(st.dictionaries(st.sampled_from(["1", "2"]), st.floats(START - HOUR, START + 99 * HOUR), max_size=2))
    found.version = draw(st.sampled_from(["2.0.8.1", "2.1.0.5", "2.2.0.1", "2.3.0.4", "9.9"]))
    found.skew = draw(st.one_of(st.none(), st.floats(-4000, 4000)))
    found.zone = draw(st.sampled_from(["", "Etc/UTC", "Europe/Vienna", "W. Europe Standard Time"]))


def change_restart(found, draw):
    if draw(st.booleans()):
        found.restarted()
    else:
        found.pulse = Pulse(watched_since=found.moment())


def change_aside(found, draw):
    problem = draw(st.sampled_from(["", "absent", "empty", "busy", "damaged"]))
    seen = draw(st.sampled_from(["there", "absent", "empty", "unseen"]))
    found.evidence = Evidence({"1": JobDatabase(problem, changed_at=draw(times))}, {"photos": (SourceSeen("/photos", seen),)})
    found.change(db_exists=draw(st.sampled_from([True, False, None])), db_path=draw(st.sampled_from(["", "/a", "/config/2.sqlite"])),
                 details=draw(st.sampled_from([None, Details(options={"disable-on-battery": "true"})])))  # fmt: skip
    found.pauses = draw(st.sampled_from([(), (paused("photos"),), (paused(),), (paused("films", 60.0),)]))


def change_told(found, draw):
    at = draw(times)
    found.notes = (Notification(1, draw(st.sampled_from(["Information", "Warning", "Error"])), "1", "", at, draw(topics)),)
    found.reports = {"1": Report("1", "photos", "m", "Backup", draw(st.sampled_from(ENDINGS)), found.now, at, at)}


CHANGES = (change_schedule, change_metadata, change_result, change_task, change_server, change_restart, change_aside, change_told)


def held_to(found, judged):
    view = found.view()
    keys = [each.key for each in judged.drifts]
    assert keys == sorted(set(keys)) and {each.kind for each in judged.drifts} <= NAMES
    said = {str(each.subject) for each in judged.drifts}
    unknown, fine = {str(each.subject) for each in judged.unknown}, {str(each) for each in judged.fine}
    assert not said & unknown and not said & fine and not unknown & fine
    json.dumps(dict(judged.memory))
    assert judged.again is None or judged.again > 0
    for each in judged.drifts:
        if each.kind not in OURS:
            continue
        assert each.proposal or each.hold, each
        if each.proposal is None:
            continue
        assert view.capabilities.mendable
        ident = str(each.proposal.parameters.get("backup"))
        busy, asleep = view.state.busy_with(ident), view.state.paused
        if each.proposal.remedy == remedies.RUN:
            assert not busy and not asleep and view.backup(ident) is not None
            assert not any(standing.pause.covers(ident, each.subject.name) for standing in found.pauses if standing.pause.task)
            assert not any(seen.state in {"absent", "empty"} for seen in found.evidence.sources.get("photos", ()) if ident == "1")
        if each.proposal.remedy == remedies.REPAIR_DATABASE:
            assert not busy
        if each.proposal.remedy == remedies.ABORT:
            assert view.state.active.id == each.proposal.parameters["task"] and not asleep


@settings(max_examples=60)
@given(st.data())
def test_no_order_of_looks_proposes_harm(data):
    found = looks()
    found.backups.append(job("2", "films"))
    for _ in range(data.draw(st.integers(1, 6))):
        for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=4)):
            change(found, data.draw)
        judged = found.look(data.draw(st.sampled_from([0.0, 1.0, 15.0, 600.0, 2 * HOUR, 30 * HOUR])))
        held_to(found, judged)
        again = replace(found, memory=dict(found.memory))
        assert [each.key for each in again.look(0).drifts if each.kind != "backup_overdue"] == [
            each.key for each in again.look(0).drifts if each.kind != "backup_overdue"
        ]
