"""From settings to what the reconciler takes: the policy of one target, and its tables with the operator's own timing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from watchdog.model.drifts import DriftKind
from watchdog.model.metrics import borrowed_of
from watchdog.model.panels import Panel
from watchdog.model.repairs import Remedy, Settle
from watchdog.reconciler.policy import SPACING, Backoff, Bounds, Policy, Timing
from watchdog.settings import ReconcilerSettings


def policy_of(target: Any, settings: ReconcilerSettings) -> Policy:
    """Given the settings of one target and the bounds of all, return the target's policy."""
    return Policy(
        mode=target.mode,
        kinds=dict(target.kinds),
        allow=frozenset(target.allow),
        baseline=target.baseline,
        bounds=Bounds(
            attempts=settings.attempts,
            budget_per_hour=settings.budget_per_hour,
            breaker=settings.breaker,
            many_floor=settings.many_floor,
            many_share=settings.many_share,
            after_person=settings.after_person,
            backoff=Backoff(first=settings.backoff_first, cap=settings.backoff_cap),
        ),
        timing=Timing(interval=target.interval, spacing=min(SPACING, target.interval)),
    )


class TimedPanel:
    """A panel whose tables carry the operator's timing: how long drifts must last, how long repairs settle and objects rest.

    Everything else is the panel's own.
    """

    def __init__(self, panel: Panel, settings: ReconcilerSettings) -> None:
        self._panel = panel
        self.name = panel.name
        self.settings = panel.settings
        self.metrics = panel.metrics
        self.borrowed = borrowed_of(panel)
        self.kinds: tuple[DriftKind, ...] = tuple(_timed_kind(kind, settings) for kind in panel.kinds)
        self.remedies: tuple[Remedy, ...] = tuple(_timed_remedy(remedy, settings) for remedy in panel.remedies)
        self.needs = panel.needs
        self.connect = panel.connect
        self.probe = panel.probe
        self.find = panel.find


def _timed_kind(kind: DriftKind, settings: ReconcilerSettings) -> DriftKind:
    if settings.confirm is None or not kind.confirm.seconds:  # its evidence spans time already: to wait again would only be late
        return kind
    return replace(kind, confirm=replace(kind.confirm, seconds=settings.confirm))


def _timed_remedy(remedy: Remedy, settings: ReconcilerSettings) -> Remedy:
    if remedy.ordered:  # what a person ordered is carried out on time
        return remedy
    settle = remedy.settle
    if settings.settle is not None:
        settle = Settle(min(settings.settle, settle.max), settle.max)
    return replace(remedy, settle=settle, cooldown=remedy.cooldown if settings.cooldown is None else settings.cooldown)
