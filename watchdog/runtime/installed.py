"""The guard against the other ``watchdog``: PyPI has a package of that name, and pip merges the two trees without a word.

After ``pip install watchdog`` our ``__init__.py`` is theirs; after ``pip uninstall watchdog`` it is gone, and ``pip check`` is content.
Both must be looked at: who claims the folder, and what the imported package really is. Imports nothing that a merge could have replaced
(their tree has no ``runtime/`` and no ``errors.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

from watchdog.errors import Permanent

OURS = "panel-watchdog"
_CURE = "install panel-watchdog into an environment of its own (pipx, a fresh venv, or its image)"


def check_installation() -> None:
    """Make sure that ``import watchdog`` is us. Raises Permanent with one sentence: what is wrong, and the way out."""
    package = import_module("watchdog")
    wrong = judge(package.__file__, package.__doc__, packages_distributions().get("watchdog", []), Path(__file__).parents[1])
    if wrong is not None:
        raise Permanent(f"{wrong}; {_CURE}")


def judge(file: str | None, doc: str | None, owners: Sequence[str], here: Path) -> str | None:
    """Given the imported package's file and docstring, the distributions that claim it, and our own folder, return what is wrong or None.

    No owner at all is fine: that is an editable installation, or a checkout.
    """
    strangers = sorted({owner for owner in owners if owner.lower().replace("_", "-") != OURS})
    if strangers:
        return f"the folder '{here}' is also claimed by {', '.join(strangers)} from the package index, which has overwritten parts of ours"
    if file is None:
        return f"the folder '{here}' has lost its __init__.py, as after 'pip uninstall watchdog'"
    if Path(file).resolve().parent != here.resolve():
        return f"'import watchdog' finds '{file}' instead of '{here}'"
    if not (doc or "").startswith(OURS):
        return f"'{file}' is not ours: another package called watchdog has overwritten it"
    return None
