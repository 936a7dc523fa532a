"""Golden files: what the program said once, compared with what it says now, volatile numbers masked by one expression.

``WATCHDOG_UPDATE_GOLDEN=1 pytest ...`` writes them anew; look at the diff before committing it.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

import pytest

VOLATILE = re.compile(
    r"^((?:process_|python_|watchdog_build_info|watchdog_exposition_(?:render_seconds|bytes|last_render)"
    r"|\w*_(?:timestamp_seconds|duration_seconds)(?:_bucket|_sum|_count)?\b)(?:[^ \n{]*(?:\{.*\})?)) \S+$",
    re.MULTILINE,
)
_VALUES_THAT_ARE_LABELS = re.compile(r'(version|python|minor|patchlevel|major)="[^"]*"')


def masked(exposition: str) -> str:
    """Return ``exposition`` with the values of volatile samples, and versions in labels, replaced by ``<masked>``."""
    return _VALUES_THAT_ARE_LABELS.sub(r'\1="<masked>"', VOLATILE.sub(r"\1 <masked>", exposition))


def assert_golden(exposition: bytes | str, golden: Path) -> None:
    """Fail with a diff when the masked exposition differs from the file ``golden``; write it when WATCHDOG_UPDATE_GOLDEN=1."""
    text = masked(exposition.decode("utf-8") if isinstance(exposition, bytes) else exposition)
    if os.environ.get("WATCHDOG_UPDATE_GOLDEN") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
        return
    if not golden.exists():
        pytest.fail(f"no golden file {golden.name}: write it with WATCHDOG_UPDATE_GOLDEN=1")
    was = golden.read_text(encoding="utf-8")
    if was != text:
        diff = difflib.unified_diff(was.splitlines(), text.splitlines(), str(golden), "now", lineterm="", n=1)
        pytest.fail("the exposition is not the golden one (WATCHDOG_UPDATE_GOLDEN=1 accepts it):\n" + "\n".join(list(diff)[:200]))
