"""One connected Duplicati: what the house asks of a panel, put together from the other modules."""

from __future__ import annotations
