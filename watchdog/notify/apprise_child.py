"""The child that imports Apprise: one message to one URL, both from standard input, and one word about it on standard output.

A plugin that hangs, leaks or dies costs nobody else anything. What is told is a word or an HTTP status, never a text: what plugins say may
hold the URL.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import warnings
from typing import Any
from urllib.parse import quote

_STATUS = re.compile(r"error=(\d{3})\b")
_OWN_HEADERS = ("json://", "jsons://", "xml://", "xmls://", "form://", "forms://")


class _Ear(logging.Handler):
    """Hears what plugins say, and keeps of it the HTTP status, or that there was no connection."""

    def __init__(self) -> None:
        super().__init__()
        self.word = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Listen."""
        text = record.getMessage()
        if found := _STATUS.search(text):
            self.word = f"status_{found[1]}"
        elif "connection error" in text.lower() or "socket" in text.lower():
            self.word = "no_connection"


def with_key(url: str, key: str) -> str:
    """Return ``url`` carrying the message's key, where its kind can (a header and a field of its own)."""
    if not url.lower().startswith(_OWN_HEADERS):
        return url
    return f"{url}{'&' if '?' in url else '?'}+Idempotency-Key={quote(key, safe='')}&:idempotency_key={quote(key, safe='')}"


def deliver(order: dict[str, Any]) -> str:
    """Carry out one order (url, key, title, body, type; without a title nothing is sent) and return "ok" or a word for what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own making
        import apprise  # noqa: PLC0415

        ear = _Ear()
        said = logging.getLogger("apprise")
        said.addHandler(ear)
        said.propagate = False
        sender = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, app_id="panel-watchdog", app_url=""))
        if not sender.add(with_key(order["url"], order["key"])) or len(sender) != 1:
            return "bad_url"
        if "overflow=" not in order["url"]:  # by default too long a text is sent as it is, and refused
            sender[0].overflow_mode = apprise.OverflowMode.TRUNCATE
        if not order["title"]:
            return "ok"
        kinds = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}
        kind = kinds.get(order["type"], apprise.NotifyType.INFO)
        sent = sender.notify(
            body=order["body"] or order["title"], title=order["title"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT
        )
        return "ok" if sent else ear.word or "failed"


def main() -> int:
    """Read one order, deliver it, tell how that went."""
    sys.stdout.write(json.dumps({"word": deliver(json.load(sys.stdin))}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
