"""Sentences of prevention, from what a look already knows; pure. Each names the exact change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchdog.panels.sysreptor.releases import broken_in
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.view import SysreptorView

SOON: Final = 30 * 86_400.0
"""Seconds before its end from which on a licence is worth a word."""
NO_TERMINAL: Final = "docker compose exec -T app python3 manage.py backup > NAME.zip"


def advise(settings: SysreptorSettings, view: SysreptorView, now: float) -> tuple[str, ...]:
    """Return sentences of advice about one target, sorted as they matter. ``now`` is UNIX seconds."""
    return (*_about_the_licence(view, now), *_about_the_release(settings, view), *_about_the_setup(settings))


def _about_the_licence(view: SysreptorView, now: float) -> Iterator[str]:
    licence = view.licence
    if licence is None:
        return
    if licence.valid_until is not None and licence.professional and licence.valid_until - now < SOON:
        days = max(0, int((licence.valid_until - now) // 86_400))
        yield f"the licence ends in {days} days: from then on every backup fails, the command's with an empty file and no more said"
    if licence.users is not None and licence.active_users is not None and licence.active_users >= licence.users:
        yield (
            f"all {licence.users} users of the licence are taken: one more turns the panel into a Community one for downloads, "
            "and they are refused"
        )


def _about_the_release(settings: SysreptorSettings, view: SysreptorView) -> Iterator[str]:
    for cause in broken_in(view.numbers):
        ways = " and ".join({"exec": "the command", "api": "the download"}[each] for each in sorted(cause.methods, reverse=True))
        yield f"{view.version}, backups by {ways}: {cause.story}; mended in {cause.fixed[0]}.{cause.fixed[1]}"
    if view.numbers is None and view.version:
        yield f"the panel calls its release '{view.version}': whether its backups can be trusted nobody knows but you"
    if settings.run.method == "api":
        yield "a download is cut when somebody saves the panel's settings meanwhile: run: {method: exec} is not"


def _about_the_setup(settings: SysreptorSettings) -> Iterator[str]:
    if settings.run.method == "none":
        yield f"backups of a cron job need no terminal, or every LF in them becomes CRLF: {NO_TERMINAL}"
        yield f"and should be written with 'umask 077': nothing in {settings.backups.path} is encrypted unless they are made with --key"
    if settings.token_file is None:
        yield "without url and token_file neither a lost licence nor an unfinished backup is seen before the newest one is too old"
    elif settings.backup_key_file is None:
        yield "with backup_key_file the panel is asked, without making one, whether it would make a backup"
    if settings.database is None and settings.url is not None:
        yield "with database: {url_file: ...}, a read-only login, it is seen when the panel's daily tasks stand still"
    if settings.backups.keep < 2:  # noqa: PLR2004  # one is not enough to compare with
        yield "keep at least four backups: what the newest one lacks is seen beside the three before it"
