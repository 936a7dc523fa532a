"""What the cellar's tests share: a real PostgreSQL for ``runtime/foreign``."""

from __future__ import annotations

from tests.support.postgresql import postgresql

__all__ = ["postgresql"]
