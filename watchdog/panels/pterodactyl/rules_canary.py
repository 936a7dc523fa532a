"""The rule about the canary: the daily backup of one tiny server, made for real and followed to its end (issue 5). Pure."""

from __future__ import annotations

from watchdog.model.drifts import Scalar, Subject
from watchdog.model.parts import NOTHING_SAID, Part, one
from watchdog.panels.pterodactyl.scene import Scene
from watchdog.panels.pterodactyl.traces import CanaryWord

FAILED = "failed"


def about_the_canary(scene: Scene) -> Part:
    """Report the newest canary if it did not come to its end, or could not be made."""
    word = scene.evidence.canary
    if not scene.settings.canary.enabled or word is None:
        return NOTHING_SAID
    server = scene.view.server(word.server)
    subject = Subject("server", word.server, server.name if server is not None else "")
    if word.state != FAILED:
        return one(subject)
    evidence: dict[str, Scalar] = {"slot": word.slot, "backup": word.backup, "server": word.server, "callback": scene.view.callback.state}
    hold = "no backup of this panel is to be relied on until a canary comes through: look at what else is reported of it"
    belief = "a backup of it is made each day"
    return one(subject, scene.drift("canary_failed", subject, _truth(word), belief, evidence, None, hold))


def _truth(word: CanaryWord) -> str:
    return word.message or "its backup did not come to its end"
