"""What a running remedy of Duplicati works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from watchdog.model.moments import Clock
from watchdog.model.pauses import StandingPause
from watchdog.model.repairs import LedgerFacts
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.leases import Posts
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.view import DuplicatiView
from watchdog.runtime import hands


@dataclass(slots=True)
class Hands(hands.Hands):
    """What every panel's remedies have, and what those of Duplicati need beside it.

    ``view`` is the newest look and ``told`` what the ledger said at it; ``standing`` returns the pauses that stand right now. ``posts`` is
    where a pause that was sent and seen to stand is left for the rules.
    """

    settings: DuplicatiSettings
    client: DuplicatiClient
    clock: Clock
    view: DuplicatiView
    told: LedgerFacts
    standing: Callable[[], tuple[StandingPause, ...]]
    posts: Posts

    def fresh(self) -> tuple[DuplicatiView, LedgerFacts]:
        """Read the server's state now; return the newest look with it, and the ledger's facts with the pauses that stand now."""
        state = self.client.state(self.seconds(self.settings.timeout))
        return replace(self.view, state=state, pulse=self.client.pulse()), replace(self.told, pauses=self.standing())
