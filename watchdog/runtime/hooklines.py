"""A hook as one line for plans, approvals, the record and answers. The words of its argv are a person's and may hold a secret."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from watchdog.model.hooks import ArgvHook, ExecHook, Hook, describe
from watchdog.runtime.redaction import HIDDEN, redact, secret_name


def hook_line(hook: Hook) -> str:
    """Return what ``hook`` would do, without what is known for a secret, looks like one or is called one (``--token=x``, ``--token x``)."""
    if isinstance(hook, ArgvHook | ExecHook):
        hook = replace(hook, argv=tuple(_shown(hook.argv)))
    return redact(describe(hook))


def _shown(argv: tuple[str, ...]) -> Iterator[str]:
    hidden = False
    for word in argv:
        name, equals, _ = word.partition("=")
        called_secret = secret_name(name.lstrip("-"))
        yield HIDDEN if hidden else f"{name}={HIDDEN}" if called_secret and equals else redact(word)
        hidden = called_secret and not equals and word.startswith("-")
