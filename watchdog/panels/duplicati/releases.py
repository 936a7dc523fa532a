"""What a release of Duplicati can do, as a table of exact releases and a probe; never by comparing numbers. Pure.

Source: contract section 0. 2.1.0.3 beta (January 2025) has what the later stable 2.1.0.4 and 2.1.0.5 lack, so an order of versions says
nothing. A release that is not in the table is judged by what its own answers show: ``probed``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

Family = Literal["too_old", "forgets", "first_to_keep", "shows_only", "keeps", "newest", "unknown"]
_VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,4})")
LONG_STARS: Final = "*" * 15


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one server can do. None = not known; whoever needs it takes the worse.

    ``persists``: a pause is stored (``paused-until``). ``obeys``: a pause that comes back after a restart really stops the queue.
    ``honours_delay``: so does ``startup-delay``. ``clamps``: a timed pause ends after 24 h whatever was asked. ``stops_active``: the task
    under way stands still under a pause. ``transfers``: it knows ``pauseTransfers``. ``keeps_metadata``: a PUT without ``Metadata`` keeps
    it (else it wipes it). ``masks``: values of all stars are put back by the server (else it would store the stars). ``modern``: the
    interface of 2.1.1 and later (``Type`` in the state, ``DBPathExists``, harmless ``/tasks``). ``doubled_days``: AllowedDays are listed
    twice, the long names being refused on the way back unless ``modern``. ``stop_verbs``: how a task is stopped, the gentlest first.
    ``events``: by how much LastEventID grows at a pause or resume.
    """

    family: Family
    persists: bool | None = None
    obeys: bool | None = None
    honours_delay: bool | None = None
    clamps: bool = True
    stops_active: bool | None = None
    transfers: bool = False
    keeps_metadata: bool | None = None
    masks: bool = False
    modern: bool = False
    doubled_days: bool = True
    stop_verbs: tuple[str, ...] = ("stop", "abort")
    events: int | None = None

    @property
    def mendable(self) -> bool:
        """Whether anything may be changed on this server; an older one is only observed."""
        return self.family != "too_old"

    @property
    def editable(self) -> bool:
        """Whether enough is known to put a job back without harm."""
        return self.mendable and self.keeps_metadata is not None


TOO_OLD: Final = Capabilities("too_old", persists=False, obeys=False, clamps=False, stop_verbs=())
FORGETS: Final = Capabilities(
    "forgets", persists=False, obeys=True, honours_delay=True, clamps=False, stops_active=False, keeps_metadata=False,
    stop_verbs=("stopaftercurrentfile", "stopnow", "abort"), events=1,
)  # fmt: skip
FIRST_TO_KEEP: Final = Capabilities(
    "first_to_keep", persists=True, obeys=True, honours_delay=True, clamps=False, stops_active=True, transfers=True, keeps_metadata=False
)
SHOWS_ONLY: Final = Capabilities(
    "shows_only", persists=True, obeys=False, honours_delay=False, stops_active=True, transfers=True, keeps_metadata=True, modern=True,
    events=2,
)  # fmt: skip
KEEPS: Final = replace(SHOWS_ONLY, family="keeps", obeys=True, honours_delay=True)
NEWEST: Final = replace(KEEPS, family="newest", masks=True, doubled_days=False)
UNKNOWN: Final = Capabilities("unknown")

_TABLE: Final[dict[str, Capabilities]] = {
    "2.1.0.2": FORGETS, "2.1.0.4": FORGETS, "2.1.0.5": FORGETS,
    "2.1.0.3": FIRST_TO_KEEP,
    "2.1.1.0": SHOWS_ONLY, "2.1.2.0": SHOWS_ONLY, "2.1.2.1": SHOWS_ONLY, "2.1.2.2": SHOWS_ONLY, "2.1.2.3": SHOWS_ONLY,
    "2.2.0.0": SHOWS_ONLY, "2.2.0.1": SHOWS_ONLY, "2.2.0.2": SHOWS_ONLY,
    "2.2.0.3": KEEPS,
    "2.2.1.0": NEWEST, "2.3.0.0": NEWEST, "2.3.0.1": NEWEST, "2.3.0.2": NEWEST, "2.3.0.3": NEWEST, "2.3.0.4": NEWEST, "2.3.1.0": NEWEST,
}  # fmt: skip
"""Stable and beta releases, each by itself."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What a server's own answers show of it: the probe. None = that answer was not there.

    ``typed``: its state says its ``Type``. ``stores_pause``: its settings have ``paused-until``. ``placeholder``: what it calls a hidden
    password.
    """

    typed: bool | None = None
    stores_pause: bool | None = None
    placeholder: str = ""


def capabilities(version: str, signs: Signs) -> Capabilities:
    """Given ``ServerVersion`` ("2.1.0.5", "" = it did not say) and the probe, return what the server can do."""
    found = _VERSION.search(version)
    exact = _TABLE.get(found[0]) if found else None
    if exact is not None:
        return exact
    if found and (found[1], found[2]) == ("2", "0") and not signs.typed:
        return TOO_OLD
    return probed(signs)


def probed(signs: Signs) -> Capabilities:
    """Return what can be said of a release that the table does not have, such as a canary: the worse where its answers do not tell.

    Whether a pause that came back really holds is seen by nothing but a run inside it, so it is not believed.
    """
    if signs.typed is None or signs.stores_pause is None:
        return UNKNOWN
    if signs.typed:
        known = replace(SHOWS_ONLY, family="unknown", obeys=None, honours_delay=None, events=None)
        return replace(known, masks=signs.placeholder == LONG_STARS)
    if signs.stores_pause:
        return replace(FIRST_TO_KEEP, family="unknown", obeys=None, honours_delay=None, stops_active=None, clamps=True)
    return replace(FORGETS, family="unknown", honours_delay=None, events=None)
