"""Where a subject is, and how we know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """One place (rule 12): an engine, a network namespace, a pid namespace and a map of container paths to host paths.

    ``proof`` is the sentence that says how the place was proven ("" = not proven = Unknown). ``engine_id`` is our engine's own id.
    """

    engine_id: str = ""
    netns: str = ""
    pidns: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    proof: str = ""

    @property
    def proven(self) -> bool:
        """Whether somebody proved or configured this place."""
        return bool(self.proof)
