"""Who is told of what, and how often; the heartbeat; the Alertmanager whose alerts are silenced during pauses."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, WithJsonSchema, model_validator

from watchdog.model.drifts import Severity
from watchdog.model.notes import Event
from watchdog.runtime.fields import AbsolutePath, Duration, Strict, ZoneOrHost, read_secret
from watchdog.runtime.redaction import register_secret

_RATE = re.compile(r"(\d{1,4})/h")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_MATCHER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def _rate(value: Any) -> int:
    match = _RATE.fullmatch(str(value).strip()) if not isinstance(value, int) else None
    number = int(match[1]) if match else value
    if not isinstance(number, int) or not 1 <= number <= 3600:  # noqa: PLR2004  # one a second is no notification any more
        raise ValueError(f"{value!r} is not a rate: write a number of messages per hour, such as 20/h")
    return number


def _clock(value: str) -> str:
    if _CLOCK.fullmatch(value) is None:
        raise ValueError(f"'{value}' is not a time of day: write it as 22:00, in quotes")
    return value


Rate = Annotated[int, BeforeValidator(_rate), WithJsonSchema({"type": "string", "pattern": "^[0-9]+/h$", "examples": ["20/h"]})]
ClockTime = Annotated[str, AfterValidator(_clock)]


class _SecretUrl(Strict):
    """An address that is a secret as a whole: in a file of its own, or written here."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url_file: AbsolutePath | None = None
    """A file that holds the URL and nothing else, readable for this program only."""
    url: SecretStr | None = None
    """The URL itself; it often holds a token, so ``url_file`` is the better place."""

    @model_validator(mode="after")
    def _one_url(self) -> Self:
        if (self.url_file is None) == (self.url is None):
            raise ValueError("give one of url_file and url")
        return self

    def resolved(self) -> str:
        """Return the URL, from now on unseen in all that we write. Raises BadSettings naming the file."""
        if self.url_file is not None:
            return read_secret(self.url_file)
        assert self.url is not None
        found = self.url.get_secret_value().strip()
        register_secret(found)
        return found


class QuietHours(Strict):
    """A time of day in which nothing but what is critical is sent; the rest comes after it."""

    begin: ClockTime
    """Such as ``"22:00"``."""
    end: ClockTime
    """Such as ``"07:00"``; earlier than ``begin`` means on the next day."""
    zone: ZoneOrHost = ""
    """The time zone of both; nothing = this host's."""

    def holds(self, at: time) -> bool:
        """Whether a time of day, in ``zone``, is quiet."""
        now, begin, end = f"{at:%H:%M}", self.begin, self.end
        return begin <= now < end if begin <= end else now >= begin or now < end


class ChannelSettings(_SecretUrl):
    """One way to people: anything that Apprise can reach by one URL."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    """What it is called in metrics, in the log and by `notify test`."""
    events: tuple[Event, ...] = ()
    """What is told here; nothing = everything."""
    targets: tuple[str, ...] = ("*",)
    """Names or patterns of the targets that this channel hears of; what concerns no target always comes."""
    severity: Severity = "info"
    """The least severity that is told here."""
    quiet: QuietHours | None = None
    """When only critical messages are sent."""
    rate: Rate = 20
    """Messages per hour at most; what is more comes collapsed into one."""
    digest: Duration = 0.0
    """Instead of one message for each: what came up in this time, in one. Critical messages go at once all the same."""
    deadline: Duration = Field(default=30.0, ge=1.0, le=300.0)
    """How long one message may take to send."""


class HeartbeatSettings(_SecretUrl):
    """A dead man's switch: a URL asked for again and again while all is well, so that its silence is the alarm."""

    every: Duration = Field(default=60.0, ge=5.0)
    """How often it is pinged."""
    unknown: Duration = Field(default=3600.0, ge=60.0)
    """A target that could not be judged for so long means that all is not well."""
    stuck: Duration = Field(default=3600.0, ge=60.0)
    """A notification that could not be delivered for so long means it, too: then this is the last way to be heard."""


class NotifySettings(Strict):
    """Who is told of what by which channel, once and in order."""

    channels: tuple[ChannelSettings, ...] = ()
    """The ways to people; none = nobody is told, and nothing is kept to be told."""
    dedupe: Duration = 3600.0
    """What was told is not told again for so long; what comes and goes in between is told in one message after it."""
    unknown: Duration = Field(default=900.0, ge=60.0)
    """How long a target must be unknown before that is told."""
    keep: Duration = Field(default=7 * 86400.0, ge=3600.0)
    """How long sent messages are remembered, and how long a message that cannot be delivered is tried."""
    most: int = Field(default=5000, ge=100)
    """How many letters the outbox holds at most: then the oldest sent ones go first, and after them the oldest that wait, counted."""
    heartbeat: HeartbeatSettings | None = None
    """The dead man's switch."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [channel.name for channel in self.channels]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two channels are called '{name}': rename one")
        return self


def _labels(value: dict[str, str]) -> dict[str, str]:
    for name in value:
        if _MATCHER.fullmatch(name) is None or name in {"target", "subject"}:
            raise ValueError(f"'{name}' is no label to match besides target and subject: write such as instance: host:9180")
    return value


class AlertmanagerSettings(Strict):
    """The Alertmanager in which the alerts of paused targets are silenced."""

    url: str = Field(pattern=r"^https?://[^@?#\s]+$")
    """Its address, such as http://127.0.0.1:9093; without a user, which belongs into a proxy's token."""
    token_file: AbsolutePath | None = None
    """A bearer token, where a proxy before it asks for one."""
    ca_file: AbsolutePath | None = None
    """The certificate authority of its TLS certificate, where that is an own one."""
    matchers: Annotated[dict[str, str], AfterValidator(_labels)] = Field(default_factory=dict)
    """Labels that a silenced alert must have besides ``target``: needed where two hosts have targets of one name."""
    silence_repairs: bool = False
    """Whether an alert that asked for a repair, or that names its drift, is silent while that repair runs and is proved. Only alerts that
    Alertmanager tells us of (``server.alertmanager_token_file``); each by all its labels."""
    every: Duration = Field(default=30.0, ge=1.0)
    """How often silences are compared with the pauses."""
    lease: Duration = Field(default=12 * 3600.0, ge=600.0)
    """How long the silence of a pause without an end is good for; it is renewed at half of it."""
