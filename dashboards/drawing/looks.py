"""How values look: their unit, words for numbers, and from which value on they are orange or red."""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import units

GREEN, ORANGE, RED, BLUE, GREY = "green", "orange", "red", "blue", "text"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Look:
    """How a value is shown.

    ``words`` are (value, text, colour). ``limits`` are (from this value on, colour), ``base`` is the colour below them. From ``beyond`` on,
    a text takes the number's place.
    """

    unit: str
    words: tuple[tuple[int, str, str], ...] = ()
    limits: tuple[tuple[float, str], ...] = ()
    base: str = GREY
    beyond: tuple[float, str] | None = None

    def mappings(self) -> list[model.ValueMapping]:
        """Return the words as Grafana has them."""
        found: list[model.ValueMapping] = []
        if self.beyond is not None:
            least, text = self.beyond
            found.append(
                model.RangeMap(
                    model.DashboardRangeMapOptions(from_val=least, to=None, result=model.ValueMappingResult(text=text, color=RED, index=0))
                )
            )
        if not self.words:
            return found
        return [
            *found,
            model.ValueMap(
                {
                    str(value): model.ValueMappingResult(text=text, color=color, index=at)
                    for at, (value, text, color) in enumerate(self.words)
                }
            ),
        ]

    def thresholds(self) -> build.ThresholdsConfig:
        """Return the limits as Grafana has them; never none, or it would invent a red 80."""
        steps = [model.Threshold(value=None, color=self.base), *(model.Threshold(value=value, color=color) for value, color in self.limits)]
        return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def words(*meant: tuple[int, str, str]) -> Look:
    """Return the look of numbers that stand for words."""
    return Look(units.Short, words=meant)


def limited(look: Look, *limits: tuple[float, str], base: str = GREEN) -> Look:
    """Return a look with colours from certain values on."""
    return Look(look.unit, look.words, limits, base)


COUNT = Look(units.Short)
BYTES = Look(units.BytesIEC)
BYTES_PER_SECOND = Look(units.BytesPerSecondIEC)
PER_SECOND = Look(units.CountsPerSecond)
REQUESTS = Look(units.RequestsPerSecond)
SECONDS = Look(units.Seconds)
RATIO = Look(units.PercentUnit)
YES_NO = words((0, "no", RED), (1, "yes", GREEN))
NO_YES = words((0, "no", GREEN), (1, "yes", ORANGE))
FLAG = words((0, "no", GREY), (1, "yes", BLUE))
NAME = words((1, "", GREY))
NONE_IS_GOOD = limited(COUNT, (1, RED))
FEW_ARE_GOOD = limited(COUNT, (1, ORANGE))


NEVER = Look(units.Seconds, beyond=(1e9, "never"))


def young(orange: float, red: float) -> Look:
    """Return the look of an age that is good while it is low, in seconds."""
    return limited(SECONDS, (orange, ORANGE), (red, RED))


def plenty(look: Look, red: float, orange: float) -> Look:
    """Return the look of what is good while it is high: red below ``red``, orange below ``orange``."""
    return Look(look.unit, look.words, ((red, ORANGE), (orange, GREEN)), RED)
