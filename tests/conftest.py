"""What every test shares: the rule for missing components."""

from __future__ import annotations

import os

import pytest


def require(present: bool, component: str) -> None:
    """Skip, naming ``component``, when it is missing; fail instead when WATCHDOG_REQUIRE_REAL=1."""
    if present:
        return
    if os.environ.get("WATCHDOG_REQUIRE_REAL") == "1":
        pytest.fail(f"WATCHDOG_REQUIRE_REAL=1 and this is missing: {component}")
    pytest.skip(f"not here: {component}")
