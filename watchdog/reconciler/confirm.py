"""Which drifts count: seen often enough, over long enough, and not blind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchdog.model.drifts import Confirm, DriftKind, Episode
from watchdog.model.moments import Moment

NEVER_SEEN = Confirm()


def missing_seconds(episode: Episode, kinds: Mapping[str, DriftKind], now: Moment) -> float:
    """Return how many seconds this episode must still be seen before it may count by time; 0 = long enough."""
    return max(0.0, _rule(episode, kinds).seconds - (now.wall - episode.looks_since))


def missing_looks(episode: Episode, kinds: Mapping[str, DriftKind]) -> int:
    """Return how many more looks must see this episode; 0 = often enough."""
    return max(0, _rule(episode, kinds).looks - episode.looks)


def confirmed(episodes: Iterable[Episode], kinds: Mapping[str, DriftKind], now: Moment) -> tuple[Episode, ...]:
    """Given open episodes, return those that count, in the same order.

    Stamps are UNIX seconds restated in today's clock (see ``steady``). A blind or closed episode never counts: what was blind
    starts its looks anew.
    """
    return tuple(
        episode
        for episode in episodes
        if episode.blind_since is None
        and episode.closed_at is None
        and missing_looks(episode, kinds) == 0
        and missing_seconds(episode, kinds, now) == 0.0
    )


def _rule(episode: Episode, kinds: Mapping[str, DriftKind]) -> Confirm:
    kind = kinds.get(episode.drift.kind)
    return kind.confirm if kind is not None else NEVER_SEEN
