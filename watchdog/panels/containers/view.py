"""What is wished of plain containers, frozen: who is opted in, by which word, and who must never be touched. Pure values.

The belief of this panel is the operator's wish, written as labels on containers or as rules in our settings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from watchdog.model.docker import Container

PANEL_NAME: Final = "containers"
HEAL: Final = "panel-watchdog.heal"
"""``true`` opts in, ``false`` opts out before every rule."""
EXPECT: Final = "panel-watchdog.heal.expect"
"""``auto``, ``running`` or ``any``."""
STOP_TIMEOUT: Final = "panel-watchdog.heal.stop-timeout"
"""Seconds that a graceful stop may take."""
AUTOHEAL: Final = "autoheal"
AUTOHEAL_STOP_TIMEOUT: Final = "autoheal.stop.timeout"
DEUNHEALTH: Final = "deunhealth.restart.on.unhealthy"
PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
DEPENDS_ON: Final = "com.docker.compose.depends_on"
ONEOFF: Final = "com.docker.compose.oneoff"
OWNERS: Final = (
    ("mcsmanager.instance.uuid", "*", "MCSManager"),
    ("Service", "Pterodactyl", "Pterodactyl's Wings"),
    ("com.docker.swarm.service.name", "*", "Docker Swarm"),
    ("io.kubernetes.pod.name", "*", "Kubernetes"),
    ("watchdog.rehearsal", "*", "a rehearsal of ours"),
)
"""Labels, and the pattern of their value, that say that somebody else runs this container and keeps it well, and who that is."""
LABELS: Final = (
    HEAL, EXPECT, STOP_TIMEOUT, AUTOHEAL, AUTOHEAL_STOP_TIMEOUT, DEUNHEALTH, PROJECT, SERVICE, DEPENDS_ON, ONEOFF,
    *(key for key, _, _ in OWNERS),
)  # fmt: skip
"""All label keys that this panel reads, beside those of rules."""
SOCKETS: Final = ("/var/run/docker.sock", "/run/docker.sock")
YES: Final = frozenset({"true", "1", "yes", "on"})
LONGEST_STOP: Final = 600.0

UNTOUCHABLE: Final = ("ourselves", "door", "never")
"""Why a container is left alone that must not even be taken along with another one."""
Source = Literal["label", "autoheal_label", "rule", ""]
LeftAlone = Literal["not_opted_in", "opted_out", "never", "ourselves", "door", "owned", ""]
Expect = Literal["auto", "running", "any"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the settings: what must fit, and what is wished of it. ``stop_timeout`` is seconds, None = the container's own."""

    name: str = ""
    image: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    heal: bool = True
    expect: Expect = "auto"
    stop_timeout: float | None = None

    def fits(self, container: Container) -> bool:
        """Whether everything that the rule names fits."""
        return (
            (not self.name or fnmatchcase(container.name, self.name))
            and (not self.image or fnmatchcase(container.image, self.image))
            and all(key in container.labels and fnmatchcase(container.labels[key], value) for key, value in self.labels)
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wished of one container. ``source`` "" = nothing: then ``left_alone`` says why, and ``why`` says it to a person."""

    source: Source = ""
    left_alone: LeftAlone = ""
    why: str = ""
    expect: Expect = "auto"
    stop_timeout: float | None = None

    @property
    def healed(self) -> bool:
        """Whether the container is looked after."""
        return bool(self.source)


@dataclass(frozen=True, slots=True)
class Ourselves:
    """Who we are to the engine: our own container's id ("" = we run in none), and by what we reach the engine.

    ``doors`` are names under which the engine's door is known (the host of a ``tcp://`` URL). ``through_proxy``: we do not hold Docker's
    own socket, so whatever container does may be our door.
    """

    id: str = ""
    doors: tuple[str, ...] = ()
    through_proxy: bool = False


@dataclass(frozen=True, slots=True)
class ContainersView:
    """All that is wished at one moment."""

    rules: tuple[Rule, ...] = ()
    never: tuple[str, ...] = ()
    compat_labels: bool = False
    stop_timeout: float | None = None
    ourselves: Ourselves = field(default_factory=Ourselves)

    def wish(self, container: Container) -> Wish:
        """Return what is wished of a container: its own label first, then the first rule that fits; never of what must not be touched."""
        untouchable = self._untouchable(container)
        if untouchable is not None:
            return Wish(left_alone=untouchable[0], why=untouchable[1])
        asked = self._asked(container)
        refusal = self._refused(container) if asked.source else None
        return Wish(left_alone=refusal[0], why=refusal[1]) if refusal else asked

    def _asked(self, container: Container) -> Wish:
        labels = container.labels
        if HEAL in labels:
            if not _yes(labels[HEAL]):
                return Wish(left_alone="opted_out", why=f"its label {HEAL} is '{labels[HEAL][:20]}'")
            return self._wish(container, "label", f"label {HEAL}={labels[HEAL][:20]}")
        if self.compat_labels and _yes(labels.get(AUTOHEAL, "")):
            return self._wish(container, "autoheal_label", f"label {AUTOHEAL}={labels[AUTOHEAL][:20]}")
        rule = next((each for each in self.rules if each.fits(container)), None)
        if rule is None:
            return Wish(left_alone="not_opted_in", why=f"no label {HEAL} and no rule fits")
        if not rule.heal:
            return Wish(left_alone="opted_out", why="a rule says heal: false")
        return self._wish(container, "rule", "a rule fits", rule)

    def _wish(self, container: Container, source: Source, why: str, rule: Rule | None = None) -> Wish:
        labels = container.labels
        told = labels.get(EXPECT, "")
        expect: Expect = rule.expect if rule else "auto"
        if told in ("auto", "running", "any"):
            expect = told  # type: ignore[assignment]  # narrowed by the line before
        seconds = _seconds(labels.get(STOP_TIMEOUT, ""))
        if seconds is None and self.compat_labels:
            seconds = _seconds(labels.get(AUTOHEAL_STOP_TIMEOUT, ""))
        if seconds is None:
            seconds = rule.stop_timeout if rule and rule.stop_timeout is not None else self.stop_timeout
        return Wish(source, "", why, expect, seconds)

    def _untouchable(self, container: Container) -> tuple[LeftAlone, str] | None:
        ours = self.ourselves
        if ours.id and container.id == ours.id:
            return "ourselves", "it is this very program's container: whoever heals himself ends in the middle of it"
        if container.name in ours.doors:
            return "door", "we reach Docker through it"
        if ours.through_proxy and any(mount.source.endswith("/docker.sock") for mount in container.mounts):
            return "door", "it holds Docker's socket, and we reach Docker through a proxy: it may be that one"
        if any(fnmatchcase(container.name, pattern) for pattern in self.never):
            return "never", "the setting `never` names it"
        return None

    @staticmethod
    def _refused(container: Container) -> tuple[LeftAlone, str] | None:
        if _yes(container.labels.get(ONEOFF, "")):
            return "opted_out", "it is a one-off run of Compose, which bears the labels of its service"
        owner = next((who for key, value, who in OWNERS if (told := container.labels.get(key)) and fnmatchcase(told, value)), "")
        return ("owned", f"{owner} runs it and looks after it") if owner else None


def _yes(text: str) -> bool:
    return text.strip().lower() in YES


def _seconds(text: str) -> float | None:
    whole = text.strip().removesuffix("s")
    return min(float(whole), LONGEST_STOP) if whole.isascii() and whole.isdigit() and len(whole) < 7 else None  # noqa: PLR2004  # longer is no time
