"""What a notification says. Pure: from what the ledger wrote to a title of one line and a body of a few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from watchdog.model.approvals import Approval, BaselineState
from watchdog.model.drifts import Drift, Episode, Severity
from watchdog.model.notes import Event, Note, Parcel
from watchdog.model.pauses import Pause
from watchdog.model.repairs import RepairRecord, RepairState
from watchdog.runtime.redaction import redact

TITLE: Final = 180
BODY: Final = 3000
LISTED: Final = 40
"""Lines of a digest; the rest is counted."""

REPAIR_EVENTS: Final[dict[RepairState, tuple[Event, Severity, str]]] = {
    RepairState.VERIFIED: ("repair_verified", "info", "mended"),
    RepairState.UNVERIFIED: ("repair_unverified", "warning", "the repair did not help"),
    RepairState.GAVE_UP: ("repair_gave_up", "warning", "the repair gave up"),
    RepairState.IN_DOUBT: ("repair_in_doubt", "critical", "nobody knows how the repair ended"),
}


def _note(
    event: Event, severity: Severity, target: str, subject: str, occasion: str, title: str, *lines: str
) -> Note:  # fmt: skip
    body = "\n".join(line for line in lines if line)
    return Note(event, severity, target, subject, occasion, _cut(redact(" ".join(title.split())), TITLE), _cut(redact(body), BODY))


def opened(episode: Episode, severity: Severity) -> Note:
    """Tell of a drift that was confirmed."""
    drift = episode.drift
    waits = f"left alone: {drift.hold}" if drift.hold else ""
    mends = f"remedy: {drift.proposal.remedy}" if drift.proposal else waits
    title = f"{drift.target}: {drift.kind} of {_called(drift)}"
    believed = f"true: {drift.truth}; the panel believes: {drift.belief}"
    return _note("drift_opened", severity, drift.target, drift.key, f"episode/{episode.id}/opened", title, believed, mends)


def closed(episode: Episode, severity: Severity) -> Note:
    """Tell of a confirmed drift that is gone."""
    drift, lasted = episode.drift, (episode.closed_at or episode.last_seen) - episode.first_seen
    title = f"{drift.target}: over: {drift.kind} of {_called(drift)}"
    return _note("drift_closed", severity, drift.target, drift.key, f"episode/{episode.id}/closed", title, f"it lasted {span(lasted)}")


def repaired(record: RepairRecord) -> Note | None:
    """Tell how a repair ended; None while it goes on."""
    if record.state not in REPAIR_EVENTS:
        return None
    event, severity, says = REPAIR_EVENTS[record.state]
    about = f"{record.object.kind} {record.object.id}"
    title = f"{record.object.target}: {says}: {record.remedy} on {about}"
    by = f"by {record.requested_by}; repair {record.id}"
    occasion = f"repair/{record.id}/{record.version}"
    return _note(event, severity, record.object.target, f"object/{record.object}", occasion, title, record.message, by)


def waits(approval: Approval) -> Note:
    """Tell of a repair that waits for a person."""
    title = f"{approval.target}: {approval.remedy} on {approval.object.kind} {approval.object.id} waits for your approval"
    order = f"panel-watchdog approve {approval.id}   (or: reject {approval.id})"
    would = [f"would: {line}" for line in approval.describes[:10]]
    return _note(
        "approval_waiting", "warning", approval.target, f"object/{approval.object}", f"approval/{approval.id}", title,
        f"risk: {approval.risk}", *would, order,
    )  # fmt: skip


def paused(event: Event, pause: Pause) -> Note:
    """Tell of a pause that began, was changed, or is over."""
    what = f"{pause.target}, task {pause.task}" if pause.task else pause.target
    if event == "pause_ended":
        title, about = f"{what}: the pause is over ({pause.end} by {pause.ended_by})", ""
    else:
        word = "paused" if event == "pause_begun" else "its pause is changed:"
        title = f"{what}: {word} {'until further notice' if pause.until is None else 'until ' + when(pause.until)}"
        about = f"by {pause.by} ({pause.source})"
    occasion = f"pause/{pause.id}/{pause.version}"
    return _note(event, "info", pause.target, f"pause/{pause.target}/{pause.task}", occasion, title, pause.reason, about)


def digest_of(target: str, state: BaselineState, found: Sequence[Episode], now: float) -> Note | None:
    """Tell, once, what a target's first look found; None where nothing was there before us."""
    if state != "taken" or not found:
        return None
    kinds = Counter(each.drift.kind for each in found)
    listed = [f"{count} {kind}" for kind, count in sorted(kinds.items())]
    names = [f"- {each.drift.kind}: {_called(each.drift)}" for each in found[:LISTED]]
    more = f"and {len(found) - LISTED} more" if len(found) > LISTED else ""
    order = f"panel-watchdog baseline accept {target}   (or: baseline repair {target})"
    title = f"{target}: {len(found)} finding{'s' if len(found) != 1 else ''} from before the watchdog: {', '.join(listed)}"
    return _note("baseline", "info", target, f"baseline/{target}", f"baseline/{target}/{now:.0f}", title, *names, more, order)


def unknown(target: str, since: float, subjects: int, why: str) -> Note:
    """Tell that a target, or some of its subjects, cannot be judged for long."""
    what = f"{subjects} subject{'s' if subjects != 1 else ''} of it" if subjects else "it"
    title = f"{target}: {what} cannot be judged since {when(since)}"
    occasion = f"unknown/{target}/{since:.0f}"
    return _note("unknown", "warning", target, f"unknown/{target}", occasion, title, why, "nothing is found and nothing is repaired there")


def known_again(target: str, since: float) -> Note:
    """Tell that it can be judged again."""
    title = f"{target}: can be judged again"
    return _note("unknown", "info", target, f"unknown/{target}", f"known/{target}/{since:.0f}", title, f"it could not since {when(since)}")


def ledger_away(since: float, why: str) -> Note:
    """Tell that nothing can be written down, hence nothing is repaired."""
    return _note("ledger", "critical", "", "ledger", f"ledger/{since:.0f}", "the ledger cannot be used: repairs stand still", why)


def ledger_back(since: float, now: float) -> Note:
    """Tell that it can be used again."""
    title = f"the ledger can be used again (it was away for {span(now - since)})"
    return _note("ledger", "info", "", "ledger", f"ledger-back/{since:.0f}", title)


def trial(host: str, now: float) -> Note:
    """Say what `notify test` sends."""
    return _note(
        "test", "info", "", "test", f"test/{now:.3f}", f"panel-watchdog on {host}: a test", "If you read this, this channel works."
    )


def message(parcels: Sequence[Parcel], host: str) -> tuple[str, str, Severity]:
    """Given the letters of one message, return its title, its body and its severity."""
    if len(parcels) == 1:
        (only,) = parcels
        again = f"(it changed {only.folded + 1} times since it was last told)" if only.folded else ""
        body = "\n".join(line for line in (only.note.body, again, f"host: {host}") if line)
        return only.note.title, body, only.note.severity
    severity = max((each.note.severity for each in parcels), key=_rank)
    events = Counter(each.note.event for each in parcels)
    title = f"{len(parcels)} notifications: " + ", ".join(f"{count} {event}" for event, count in sorted(events.items()))
    # the newest first: they say how things stand, and what is too long for a channel is cut at its end
    lines = [f"- {when(each.created_at)} {each.note.title}" for each in reversed(parcels[-LISTED:])]
    more = f"and {len(parcels) - LISTED} older ones: panel-watchdog history has them" if len(parcels) > LISTED else ""
    return _cut(title, TITLE), _cut("\n".join(line for line in (f"host: {host}; the newest first", *lines, more) if line), BODY), severity


def _rank(severity: Severity) -> int:
    return ("info", "warning", "critical").index(severity)


def when(at: float) -> str:
    """Return a time in UTC, for people."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return "an unknown time"


def span(seconds: float) -> str:
    """Return a length of time, for people."""
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= 2 * size:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def _called(drift: Drift) -> str:
    subject = drift.subject
    return f"{subject.kind} {subject.name or subject.id}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
