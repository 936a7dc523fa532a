"""The composition root: the only place that builds things and wires them.

``rooms`` are the collectors, ``world`` is everything that depends on the configuration (built anew by a reload), ``program`` the process
around it: signals, ledger, web server, the lease of this host. ``catalogue`` lists every metric that can occur.
"""

from __future__ import annotations

from watchdog.app.catalogue import catalogue
from watchdog.app.program import Program

__all__ = ["Program", "catalogue"]
