"""When this host is short of something: what a pressure rule goes by, and how it takes hold of a target and lets go of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchdog.model.host import HostFacts, Pressure
from watchdog.reconciler.windows import Wanted


@dataclass(frozen=True, slots=True)
class PsiGauge:
    """One PSI average in percent. Higher is worse."""

    resource: str
    kind: str
    average: str

    def read(self, facts: HostFacts) -> float | None:
        """Return percent; None where this kernel does not tell."""
        line = next((each for each in facts.pressures if (each.resource, each.kind) == (self.resource, self.kind)), None)
        return None if line is None else _average(line, self.average)

    def __str__(self) -> str:
        return f"/proc/pressure/{self.resource} {self.kind} {self.average}"


@dataclass(frozen=True, slots=True)
class FreeGauge:
    """Free bytes of the file system of ``path``. Lower is worse."""

    path: str

    def read(self, facts: HostFacts) -> float | None:
        """Return bytes; None when the file system did not answer."""
        found = next((each for each in facts.filesystems if each.path == self.path), None)
        return None if found is None or found.error is not None else float(found.free_bytes)

    def __str__(self) -> str:
        return f"free bytes of {self.path}"


@dataclass(frozen=True, slots=True)
class PressureRule:
    """A rule over ``targets``: it takes hold beyond ``enter`` and lets go on the other side of ``leave``. Times in seconds."""

    name: str
    targets: tuple[str, ...]
    gauge: PsiGauge | FreeGauge
    enter: float
    leave: float
    minimum: float
    maximum: float
    reason: str

    def calls(self, value: float) -> bool:
        """Whether ``value`` asks for a pause."""
        return value > self.enter if self._rises else value < self.enter

    def eases(self, value: float) -> bool:
        """Whether the pressure is gone at ``value``."""
        return value < self.leave if self._rises else value > self.leave

    @property
    def _rises(self) -> bool:
        return isinstance(self.gauge, PsiGauge)


@dataclass(frozen=True, slots=True)
class Grip:
    """How a rule holds one target: ``since`` (CLOCK_BOOTTIME seconds), None = it does not.

    Not ``armed`` = it may not take hold before the pressure was gone once: its time was up, or a person ended its pause.
    """

    since: float | None = None
    armed: bool = True


UNARMED = Grip(armed=False)


def moved(rule: PressureRule, grip: Grip, value: float | None, mono: float) -> Grip:
    """Return the grip after a look at ``value`` (None = Unknown: nothing begins, nothing ends but by its time)."""
    eased = value is not None and rule.eases(value)
    if grip.since is None:
        if eased:
            return Grip()
        return Grip(mono) if grip.armed and value is not None and rule.calls(value) else grip
    age = mono - grip.since
    if age >= rule.maximum:
        return Grip(armed=eased)
    return Grip() if eased and age >= rule.minimum else grip


def wanted_by_pressure(held: Iterable[tuple[PressureRule, Grip]], mono: float) -> Wanted | None:
    """Return the one pause of a target that all rules which hold it ask for; None = none does."""
    holding = [(rule, rule.maximum - (mono - grip.since)) for rule, grip in held if grip.since is not None]
    if not holding:
        return None
    reasons = dict.fromkeys(rule.reason for rule, _ in holding)
    return Wanted(", ".join(rule.name for rule, _ in holding), "; ".join(reasons), length=max(rest for _, rest in holding))


def _average(line: Pressure, average: str) -> float:
    return {"avg10": line.avg10, "avg60": line.avg60, "avg300": line.avg300}[average]
