"""For ``init``: containers on this host that ask to be looked after, by our labels or by docker-autoheal's. Pure."""

from __future__ import annotations

from watchdog.model.clues import Clues, Found
from watchdog.panels.containers.view import AUTOHEAL, HEAL, YES


def find(clues: Clues) -> tuple[Found, ...]:
    """Given the clues of this host, return the target that its labels ask for, or nothing."""
    ours = [each.name for each in clues.containers if each.labels.get(HEAL, "").lower() in YES]
    theirs = [each.name for each in clues.containers if each.labels.get(AUTOHEAL, "").lower() in YES]
    if not ours and not theirs:
        return ()
    settings: dict[str, object] = {"name": "containers", "mode": "observe"}
    if theirs:
        settings["compat_labels"] = True
    names = ", ".join(sorted({*ours, *theirs})[:5])
    return (
        Found(
            settings,
            f"containers that ask to be looked after: {names}",
            comments={
                "mode": "observe: export and alert only. approve: plan and wait for you. repair: act",
                "compat_labels": "autoheal=true counts like panel-watchdog.heal=true",
            },
        ),
    )
