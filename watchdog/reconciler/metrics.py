"""What the reconciler counts and shows. ``METRICS`` are counted by instruments; ``SPECS`` take a sequence of ``TargetStatus``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from watchdog.model.approvals import ApprovalState
from watchdog.model.drifts import DriftState
from watchdog.model.metrics import Instruments, Metric, MetricSpec, Row
from watchdog.model.repairs import Remedy, RepairState
from watchdog.reconciler.counts import RESULTS
from watchdog.reconciler.guard import REFUSALS
from watchdog.reconciler.planner import REASONS
from watchdog.reconciler.status import SUBJECT_STATES, TargetStatus, ignored

PASS_RESULTS = ("judged", "blind", "no_ledger", "crashed")

_TARGET = ("panel", "target")
METRICS: tuple[Metric, ...] = (
    Metric("watchdog_repairs_total", "counter", "Repairs by how they ended, kept over restarts (ledger); in_doubt ones end once more.",
           (*_TARGET, "remedy", "result")),
    Metric("watchdog_repair_crashes_total", "counter", "Remedies that failed with an error nobody foresaw (a bug of ours), since start.",
           (*_TARGET, "remedy")),
    Metric("watchdog_guard_refusals_total", "counter", "Planned repairs that the last checks before the act refused, since start.",
           (*_TARGET, "reason")),
    Metric("watchdog_reconcile_passes_total", "counter", "Passes of a target's reconciler by result, since start.", (*_TARGET, "result")),
    Metric("watchdog_reconcile_duration_seconds", "histogram", "Seconds one pass took, reading the panel included.", _TARGET,
           buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)),
)  # fmt: skip


def born(instruments: Instruments, panel: str, target: str, remedies: Iterable[Remedy]) -> None:
    """Let every counter row of one target begin at 0 (rule 18)."""
    for remedy in remedies:
        for result in RESULTS:
            instruments.count("watchdog_repairs_total", panel, target, remedy.name, result, by=0.0)
        instruments.count("watchdog_repair_crashes_total", panel, target, remedy.name, by=0.0)
    for reason in REFUSALS:
        instruments.count("watchdog_guard_refusals_total", panel, target, reason, by=0.0)
    for result in PASS_RESULTS:
        instruments.count("watchdog_reconcile_passes_total", panel, target, result, by=0.0)


def _up(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        yield (status.panel, status.target), float(bool(status.up))


def _drifts(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        counts = Counter((episode.drift.kind, state) for episode, state in status.episodes)
        for kind in sorted({kind.name for kind in status.kinds} | {kind for kind, _ in counts}):
            for state in DriftState:
                yield (status.panel, status.target, kind, state.value), float(counts[kind, state])


def _open_since(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        for episode, _ in status.episodes:
            # one that was confirmed stays open while its subject cannot be judged: else each blind look would resolve its alert
            if episode.opened_at is not None and not episode.baseline and not ignored(episode, status.last_pass_at or 0.0):
                drift = episode.drift
                yield (status.panel, status.target, drift.kind, str(drift.subject)), episode.opened_at


def _subjects(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        counts = Counter(status.subjects.values())
        for state in SUBJECT_STATES:
            yield (status.panel, status.target, state), float(counts[state])


def _unknown_since(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        for subject, since in status.unknown_since.items():
            yield (status.panel, status.target, str(subject)), since


def _held(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        counts = Counter(held.reason for held in status.plan.held) if status.plan else Counter()
        for reason in REASONS:
            yield (status.panel, status.target, reason), float(counts[reason])


def _waiting(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        yield (status.panel, status.target), float(sum(each.state is ApprovalState.WAITING for each in status.approvals))


def _waiting_since(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        times = [each.requested_at for each in status.approvals if each.state is ApprovalState.WAITING]
        if times:
            yield (status.panel, status.target), min(times)


def _in_doubt(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        yield (status.panel, status.target), float(sum(each.state is RepairState.IN_DOUBT for each in status.in_flight))


def _ledger_ok(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        yield (status.panel, status.target), float(status.ledger_error is None)


def _second_since(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        if status.stranger is not None:
            yield (status.panel, status.target), status.stranger.at


def _judged_at(statuses: Sequence[TargetStatus]) -> Iterator[Row]:
    for status in statuses:
        if status.last_judged_at is not None:
            yield (status.panel, status.target), status.last_judged_at


_HELP = {
    "watchdog_panel_up": "Whether the newest pass could read the panel (view and evidence).",
    "watchdog_drifts": "Open drifts by kind and state, from the newest pass.",
    "watchdog_drift_open_timestamp_seconds": "When a drift was confirmed; kept while unknown, gone when it is closed, ignored or baseline.",
    "watchdog_subjects": "Subjects of the target by what the newest pass says of them.",
    "watchdog_subject_unknown_since_timestamp_seconds": "Since when a subject cannot be judged.",
    "watchdog_drifts_held": "Confirmed drifts left alone in the newest plan, by reason.",
    "watchdog_approvals_waiting": "Repairs waiting for a person's approval.",
    "watchdog_approval_oldest_timestamp_seconds": "When the oldest waiting approval was asked for; absent when none waits.",
    "watchdog_repairs_in_doubt": "Repairs that hung, or whose process died, and are not yet judged.",
    "watchdog_reconcile_ledger_ok": "Whether the newest pass could use the ledger; without it repairs stop.",
    "watchdog_second_installation_since_timestamp_seconds": "When an act by our key was done that our ledger lacks; repairs stand still "
    "until it is acknowledged, and then it is gone.",
    "watchdog_reconcile_last_judged_timestamp_seconds": "When a pass last judged the target; absent before the first.",
}


def _gauge(name: str, *labels: str) -> Metric:
    return Metric(name, "gauge", _HELP[name], (*_TARGET, *labels))


SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(_gauge("watchdog_panel_up"), _up),
    MetricSpec(_gauge("watchdog_drifts", "kind", "state"), _drifts),
    MetricSpec(_gauge("watchdog_drift_open_timestamp_seconds", "kind", "subject"), _open_since),
    MetricSpec(_gauge("watchdog_subjects", "state"), _subjects),
    MetricSpec(_gauge("watchdog_subject_unknown_since_timestamp_seconds", "subject"), _unknown_since),
    MetricSpec(_gauge("watchdog_drifts_held", "reason"), _held),
    MetricSpec(_gauge("watchdog_approvals_waiting"), _waiting),
    MetricSpec(_gauge("watchdog_approval_oldest_timestamp_seconds"), _waiting_since),
    MetricSpec(_gauge("watchdog_repairs_in_doubt"), _in_doubt),
    MetricSpec(_gauge("watchdog_reconcile_ledger_ok"), _ledger_ok),
    MetricSpec(_gauge("watchdog_second_installation_since_timestamp_seconds"), _second_since),
    MetricSpec(_gauge("watchdog_reconcile_last_judged_timestamp_seconds"), _judged_at),
)
"""Gauges computed from the published statuses: ``rows(statuses)``."""
