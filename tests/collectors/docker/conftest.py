"""The real dockerd for the tests of this folder."""

from __future__ import annotations

from tests.support.dockerd import dockerd, engine

__all__ = ["dockerd", "engine"]
