"""One message to one channel, through a child of its own with a deadline (it may hang); what comes back is one word."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from watchdog.errors import BadSettings, DeadlinePassed, WatchdogError
from watchdog.runtime.child import module_argv, run
from watchdog.runtime.log import get_logger

log = get_logger(__name__)

OK: Final = "ok"
REFUSED: Final = frozenset({"status_400", "status_413", "status_415", "status_422"})
"""Words that speak of the message and not of the way: the same message would fare no better for ever."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. ``key`` is the same for the same letters, so that a receiver that can may take a second one for the first."""

    key: str
    title: str
    body: str
    severity: str


class Sender(Protocol):
    """What a channel sends with."""

    def __call__(self, url: Callable[[], str], message: Message, seconds: float) -> str:
        """Send, and return "ok" or a short stable word for what went wrong. Raises nothing of the house's errors."""
        ...


def send(url: Callable[[], str], message: Message, seconds: float) -> str:
    """Send by Apprise; an empty title only tries whether the URL is understood."""
    try:
        order = {"url": url(), "key": message.key, "title": message.title, "body": message.body, "type": message.severity}
        ended = run(
            module_argv("watchdog.notify.apprise_child"),
            seconds=seconds,
            stdin=json.dumps(order).encode(),
            env={"PYTHONWARNINGS": "ignore"},
        )
    except BadSettings:
        return "no_url"
    except DeadlinePassed:
        return "too_slow"
    except WatchdogError as error:
        log.debug("a message's child cannot be started", error=str(error))
        return "no_child"
    try:
        word = json.loads(ended.stdout.splitlines()[-1])["word"]
    except (ValueError, IndexError, KeyError, TypeError):
        return "crashed"
    return str(word)[:40]


EXPLAINED: Final = {
    "no_url": "its url_file cannot be read",
    "bad_url": "Apprise does not understand its URL: one URL, of a kind listed at https://github.com/caronc/apprise",
    "too_slow": "it took longer than the channel's deadline",
    "no_connection": "nothing answers there",
    "no_child": "the sending program cannot be started",
    "crashed": "the sending program died; is apprise installed?",
    "failed": "Apprise says that it failed, not why",
}


def explain(word: str) -> str:
    """Return what a person should know of a word."""
    if word.startswith("status_"):
        return f"it was answered with HTTP status {word.removeprefix('status_')}"
    return EXPLAINED.get(word, word)
