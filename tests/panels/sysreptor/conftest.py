"""What SysReptor's tests share: a real PostgreSQL, for its periodic tasks."""

from __future__ import annotations

from tests.support.postgresql import postgresql

__all__ = ["postgresql"]
