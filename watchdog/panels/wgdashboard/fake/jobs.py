"""The fake panel's jobs: restrict a peer once a condition holds (PeerJob.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from watchdog.panels.wgdashboard.fake.store import Row


@dataclass(slots=True)
class FakeJob:
    """One job of the second thread, with the panel's own words (PeerJob.py)."""

    id: str
    configuration: str
    peer: str
    field: str
    operator: str
    value: str
    action: str

    def due(self, row: Row, now: float) -> bool:
        """Whether its condition holds for a peer, at ``now`` UNIX seconds (PeerJobs.py, __runJob_Compare)."""
        compare: dict[str, Callable[[Any, Any], bool]] = {
            "eq": lambda x, y: x == y, "neq": lambda x, y: x != y, "lgt": lambda x, y: x > y, "lst": lambda x, y: x < y,
        }  # fmt: skip
        if self.field == "date":
            is_now = datetime.fromtimestamp(now)  # noqa: DTZ006  # the panel's local time
            return compare[self.operator](is_now, datetime.strptime(self.value, "%Y-%m-%d %H:%M:%S"))  # noqa: DTZ007
        which = self.field.removeprefix("total_")
        return compare[self.operator](row[f"total_{which}"] + row[f"cumu_{which}"], float(self.value))
