"""Releases of panel and Wings as far as they matter to each other and to backups, as data. Pure.

Source: contract section 4. Wings never has to be of the panel's release; the table says the least one, up to what was documented. A row of
the settings (``versions``) goes before ours. What is not in the table, ``develop`` and ``canary`` are unknown, never wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Version = tuple[int, int, int]
Grade = Literal["broken", "wrong", "note", "unknown"]

BROKEN_PANEL: Final[Version] = (1, 11, 6)
"""Looks backups up by a column that they do not have: every report of a Wings is answered 500 (commit 319ca683f, mended by 7bfc265a7)."""
MENDED_PANEL: Final[Version] = (1, 11, 7)
LOSSY_WINGS: Final[Mapping[Version, str]] = {
    (1, 11, 9): "its archives lack files at random (#5027)",
    (1, 11, 10): "its archives lack files where there is a .pteroignore (#5030)",
}
"""Releases of Wings whose archives are well-formed and incomplete."""
MENDED_WINGS: Final[Version] = (1, 11, 11)
LEAST_WINGS: Final[Mapping[str, str]] = {
    "1.0": "1.0", "1.1": "1.1", "1.2": "1.2", "1.3": "1.3", "1.4": "1.4", "1.5": "1.4", "1.6": "1.4", "1.7": "1.5", "1.8": "1.6",
    "1.9": "1.6", "1.10": "1.7", "1.11": "1.11", "1.12": "1.12",
}  # fmt: skip
"""The least Wings for a panel's minor release (documentation ``wings/1.0/upgrading.md``)."""
_NUMBERS: Final = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that the table says of a panel with a Wings.

    ``grade``: ``broken`` = does not work with any partner, ``wrong`` = known to do harm or too old, ``note`` = worth knowing, ``unknown`` =
    the table says nothing. ``name`` is a short stable word.
    """

    name: str
    grade: Grade
    story: str
    panel: bool = False
    """Whether it is about the panel alone, whatever Wings it has."""


def parse_version(text: str) -> Version | None:
    """Given ``1.11.6`` or ``v1.11``, return three numbers; None for ``develop``, ``canary`` and what is no version."""
    match = _NUMBERS.fullmatch(text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def panel_rows(panel: str, *, flavour: str = "pterodactyl") -> tuple[Row, ...]:
    """Return what is to be said of a panel's release alone."""
    if flavour == "pterodactyl" and parse_version(panel) == BROKEN_PANEL:
        story = "panel 1.11.6 answers every report of a Wings about a backup with an error: upgrade it to 1.11.7 or later"
        return (Row("panel_1_11_6", "broken", story, panel=True),)
    return ()


def wings_rows(panel: str, wings: str, versions: Mapping[str, str] | None = None, *, flavour: str = "pterodactyl") -> tuple[Row, ...]:
    """Return what is to be said of a Wings beside a panel; ``versions`` are the operator's rows."""
    return tuple(_wings_rows(panel, wings, versions or {})) if flavour == "pterodactyl" else ()


def lossy(wings: str) -> str:
    """Return why archives of a Wings are not to be trusted, "" = nothing is known against them."""
    version = parse_version(wings)
    return LOSSY_WINGS.get(version, "") if version is not None else ""


def _wings_rows(panel: str, wings: str, versions: Mapping[str, str]) -> Iterator[Row]:
    theirs, ours = parse_version(wings), parse_version(panel)
    if theirs is None:
        yield Row("wings_unknown", "unknown", f"'{wings or 'nothing'}' is no release of Wings that the table knows")
        return
    if theirs in LOSSY_WINGS:
        yield Row("wings_lossy", "wrong", f"Wings {wings}: {LOSSY_WINGS[theirs]}; upgrade it to 1.11.11 or later")
    if (1, 11, 0) <= theirs < (1, 11, 2):
        yield Row("wings_restore_s3", "wrong", f"Wings {wings} cannot restore from an object store; upgrade it to 1.11.2 or later")
    if theirs < (1, 11, 12):
        yield Row("wings_cve_2024_34066", "note", f"Wings {wings} is open to CVE-2024-34066 for whoever has its token; mended in 1.11.12")
    if theirs < (1, 7, 0):
        yield Row("wings_empty_retry", "wrong", f"Wings {wings} repeats its reports without their body: the panel refuses them (422)")
    if ours is None:
        yield Row("panel_unknown", "unknown", "the panel's release is not known")
        return
    minor = f"{ours[0]}.{ours[1]}"
    least = parse_version(versions.get(minor) or LEAST_WINGS.get(minor, ""))
    if least is None:
        yield Row("panel_not_in_table", "unknown", f"the table says nothing about panel {minor}")
    elif theirs < least:
        wanted = ".".join(map(str, least if least[2] else least[:2]))
        yield Row("wings_too_old", "wrong", f"panel {minor} needs Wings {wanted} at least, and this is {wings}")
    if theirs[:2] > ours[:2]:
        yield Row("wings_newer", "note", f"Wings {wings} is newer than panel {panel}: that is not known to do harm")
