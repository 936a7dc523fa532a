"""What is BELIEVED and how to mend it: one folder per panel, and the folder is the registration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import cast

from watchdog.model.panels import Panel


@lru_cache(maxsize=1)
def discover() -> Mapping[str, Panel]:
    """Return every panel by name, found by listing this package's folders. Raises ImportError if one cannot be imported."""
    found = {
        module.name: cast(Panel, import_module(f"{__name__}.{module.name}").PANEL) for module in iter_modules(__path__) if module.ispkg
    }
    return MappingProxyType(dict(sorted(found.items())))
