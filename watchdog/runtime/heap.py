"""How the C library keeps memory that was freed. Left to itself, glibc makes a heap for every few threads and keeps large pieces in them.

A page of a thousand peers is some megabytes, rendered anew each few seconds by whichever thread brings news: such pieces then stay in heaps
of their own, above a threshold that grows with what was freed. Told once at the start (mallopt(3)); what an operator set stands.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from typing import Final

HEAPS: Final = 2
LARGE: Final = 128 * 1024
"""Bytes from which on a piece is mapped by itself, and goes back to the kernel when it is freed."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # malloc.h
_THEIRS: Final = ("MALLOC_", "GLIBC_TUNABLES")


def give_back(environment: Mapping[str, str] = os.environ) -> bool:
    """Have the C library keep few heaps and give large pieces back; return whether it was told so. For the first thread, at the start."""
    if any(name.startswith(_THEIRS) for name in environment):
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return False  # musl knows no such thing, and needs none
    told = [library.mallopt(_ARENA_MAX, HEAPS), library.mallopt(_MMAP_THRESHOLD, LARGE), library.mallopt(_TRIM_THRESHOLD, LARGE)]
    return all(told)
