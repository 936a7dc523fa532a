"""A hook as one line; it stands in the runtime, for every flat has hooks."""

from __future__ import annotations

from watchdog.runtime.hooklines import hook_line

__all__ = ["hook_line"]
