"""The wire to one SysReptor, 2025.12 to 2026.61: requests out, frozen values back. No policy.

Only this module knows which status code means what, and only ``answers.py`` what the bodies look like (contract sections 1.2 and 1.6).
The healthcheck is asked first: a panel without its database answers everything after 30 seconds, so the rest is not asked then.
Nothing here changes the panel; ``poke`` starts its periodic tasks that are due, as each healthcheck does.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from watchdog.errors import BadSettings, DeadlinePassed, Forbidden, MalformedAnswer, WatchdogError
from watchdog.model.metrics import Instruments
from watchdog.model.moments import Clock
from watchdog.panels.sysreptor import answers, bucket
from watchdog.panels.sysreptor.bucket import BucketReader
from watchdog.panels.sysreptor.journal import Journal
from watchdog.panels.sysreptor.settings import SysreptorSettings
from watchdog.panels.sysreptor.tasks import TaskReader
from watchdog.panels.sysreptor.view import NOT_CONFIGURED, PANEL_NAME, Health, Licence, Preflight, SysreptorView
from watchdog.runtime.fields import read_secret
from watchdog.runtime.http import Answer, Http, Tls, check, counted

MIB: Final = 1 << 20
LARGEST: Final = 4 * MIB
LOOK_SECONDS: Final = 50.0
"""How long one look may take: less than the minute after which the house gives a reading up."""
OPERATIONS: Final = ("health", "licence", "settings", "log", "preflight", "backup")
"""Names of all our calls, for the count of requests."""
HEALTH_PATH: Final = "/api/public/utils/healthcheck/"
SETTINGS_PATH: Final = "/api/public/utils/settings/"
LICENCE_PATH: Final = "/api/v1/utils/license/"
LOG_PATH: Final = "/api/v1/utils/backuplogs/"
BACKUP_PATH: Final = "/api/v1/utils/backup/"
DATABASE_DOWN: Final = "database_down"
"""The reason beside what was not asked because the panel has no database."""
_AES_BYTES: Final = 32
_SERVER_FAULTS: Final = 500
_UNAVAILABLE: Final = 503
_TOO_MANY: Final = 429

ReadT = TypeVar("ReadT")


def connect(settings: SysreptorSettings, clock: Clock, instruments: Instruments) -> SysreptorClient:
    """Build the client of one target; no I/O yet, secrets are read anew for each use."""
    listed = bucket.connect(settings.name, settings.s3, clock, instruments) if settings.s3 is not None else None
    if settings.url is None:
        return SysreptorClient(settings, clock, None, None, listed)
    observe = counted(instruments, PANEL_NAME, settings.name, OPERATIONS)
    tls = Tls(ca_file=settings.ca_file, insecure=not settings.verify_tls)
    public = Http(settings.url, clock=clock, seconds=settings.timeout, limit=LARGEST, observe=observe, tls=tls)
    token = settings.token_file
    if token is None:
        return SysreptorClient(settings, clock, public, None, listed)

    def headers() -> Mapping[str, str]:
        return {"Authorization": f"Bearer {read_secret(token)}"}

    keyed = Http(settings.url, clock=clock, headers=headers, seconds=settings.timeout, limit=LARGEST, observe=observe, tls=tls)
    return SysreptorClient(settings, clock, public, keyed, listed)


def backup_body(settings: SysreptorSettings, *, dry: bool) -> dict[str, object]:
    """Return the body of a request for a backup; ``dry``: only whether it would be made (contract section 1.2).

    Raises BadSettings when a secret cannot be read, or is no key.
    """
    if settings.backup_key_file is None:
        raise BadSettings("a backup by the panel's API needs its backup_key_file")
    body: dict[str, object] = {"key": read_secret(settings.backup_key_file)}
    if dry:
        return body | {"check": True}
    if settings.run.encrypt and settings.aes_key_file is not None:
        # base64 here, hexadecimal on the command line
        body["aes_key"] = base64.b64encode(bytes.fromhex(aes_key(settings))).decode()
    return body


def aes_key(settings: SysreptorSettings) -> str:
    """Return the key of encrypted backups in hexadecimal. Raises BadSettings."""
    if settings.aes_key_file is None:
        raise BadSettings("encrypted backups need an aes_key_file")
    text = read_secret(settings.aes_key_file)
    try:
        whole = len(bytes.fromhex(text)) == _AES_BYTES
    except ValueError:
        whole = False
    if not whole:
        raise BadSettings(f"the aes_key_file '{settings.aes_key_file}' must hold 64 hexadecimal digits, a key of 256 bits")
    return text


class SysreptorClient:
    """All calls of one target, one look at a time. ``view`` raises only when another look holds on; the rest the house's errors."""

    def __init__(
        self, settings: SysreptorSettings, clock: Clock, public: Http | None, keyed: Http | None, listed: BucketReader | None = None
    ) -> None:  # fmt: skip
        self._settings = settings
        self._clock = clock
        self._public = public
        self._keyed = keyed
        self._bucket = listed
        self._tasks = TaskReader(settings)
        self._journal = Journal(settings.log_rows)
        self._turn = threading.Lock()
        self._preflight = Preflight.NOT_ASKED
        self._preflight_at: float | None = None
        self._slowly_asked: float | None = None
        self._backup_on: bool | None = None

    def view(self) -> SysreptorView:
        """Read everything one look needs; what could not be read stands in it as None with the reason. Raises DeadlinePassed."""
        if not self._turn.acquire(timeout=LOOK_SECONDS / 2):
            raise DeadlinePassed("another look at this panel takes too long")
        try:
            until = self._clock.now().mono + LOOK_SECONDS
            tasks, tasks_error = _tried(self._tasks.read) if self._tasks.configured else (None, NOT_CONFIGURED)
            view = self._looked(self._public, until) if self._public is not None else SysreptorView()
            found = self._bucket.read(until) if self._bucket is not None else None
        finally:
            self._turn.release()
        return replace(view, tasks=tasks, tasks_error=tasks_error, bucket=found)

    def poke(self, seconds: float | None = None) -> Health:
        """Ask for the panel's health, which starts its periodic tasks that are due. Raises what exchanges raise."""
        if self._public is None:
            raise BadSettings("the healthcheck needs the panel's url")
        return self._health(self._public, self._settings.health_timeout if seconds is None else seconds)

    def preflight(self, seconds: float | None = None) -> Preflight:
        """Ask whether a backup would be made, making none. Raises what exchanges raise, and BadSettings."""
        if self._keyed is None or self._settings.backup_key_file is None:
            return Preflight.NOT_ASKED
        body = backup_body(self._settings, dry=True)
        return self._keyed.ask("preflight", "POST", BACKUP_PATH, _preflight, json=body, seconds=seconds, accept=_told)

    @property
    def http(self) -> Http | None:
        """Return the connection with the token, for a backup by the API; None = there is no url or no token."""
        return self._keyed

    def close(self) -> None:
        """Give back connections."""
        for each in (self._public, self._keyed, self._bucket):
            if each is not None:
                each.close()

    def _looked(self, public: Http, until: float) -> SysreptorView:
        health, health_error = None, NOT_CONFIGURED
        if self._settings.healthcheck:
            health, health_error = _tried(lambda: self._health(public, self._left(until, self._settings.health_timeout)))
            if health is None or health.database is False:
                why = health_error or DATABASE_DOWN
                return SysreptorView(health, health_error, None, why, None, None, False, why, *self._stale_preflight())
        licence, licence_error = _tried(lambda: self._licence(public, until))
        log, log_error = (None, NOT_CONFIGURED)
        keyed = self._keyed
        if keyed is not None:
            log, log_error = _tried(lambda: self._journal.read(lambda cursor: self._page(keyed, cursor, until), self._clock.now()))
        self._ask_slowly(licence, licence_error, until)
        rows, whole = log if log is not None else (None, False)
        return SysreptorView(
            health, health_error, licence, licence_error, self._backup_on, rows, whole, log_error, self._preflight, self._preflight_at
        )

    def _stale_preflight(self) -> tuple[Preflight, float | None]:
        return (Preflight.NOT_ASKED, None) if self._preflight is Preflight.NOT_ASKED else (Preflight.UNKNOWN, self._preflight_at)

    def _health(self, http: Http, seconds: float) -> Health:
        # 503 comes with the same body; without a database there is an HTML 500 after 30 s (healthcheck_dbdown.json)
        return http.ask("health", "GET", HEALTH_PATH, lambda answer: answers.health(answer.json()), seconds=seconds, accept=_well_or_503)

    def _licence(self, public: Http, until: float) -> Licence:
        if self._keyed is None:
            return self._ask(public, "settings", SETTINGS_PATH, answers.public_licence, until)
        return self._ask(self._keyed, "licence", LICENCE_PATH, answers.licence, until)

    def _page(self, http: Http, cursor: str, until: float) -> answers.Page:
        return self._ask(http, "log", LOG_PATH, answers.page, until, cursor=cursor or None)

    def _ask_slowly(self, licence: Licence | None, licence_error: str, until: float) -> None:
        """Ask what is asked seldom, whether a backup is possible, by its word and by trying; at once when what was said is overtaken."""
        if self._keyed is None:
            return
        now = self._clock.now()
        due = self._slowly_asked is None or now.mono - self._slowly_asked >= self._settings.preflight_every
        if not due and not _overtaken(self._preflight, licence, licence_error):
            return
        keyed = self._keyed
        self._backup_on, _ = _tried(lambda: self._ask(keyed, "settings", SETTINGS_PATH, answers.backup_on, until))
        found, _ = _tried(lambda: self.preflight(self._left(until, self._settings.timeout)))
        self._preflight = found or Preflight.UNKNOWN
        self._preflight_at = now.wall if found not in {None, Preflight.NOT_ASKED} else self._preflight_at
        self._slowly_asked = now.mono

    def _ask(
        self, http: Http, operation: str, path: str, parse: Callable[[object], ReadT], until: float, **query: str | None
    ) -> ReadT:  # fmt: skip
        seconds = self._left(until, self._settings.timeout)
        return http.ask(operation, "GET", path, lambda answer: parse(answer.json()), query=query, seconds=seconds)

    def _left(self, until: float, most: float) -> float:
        left = min(most, until - self._clock.now().mono)
        if left <= 0:
            raise DeadlinePassed("the time for this look is over")
        return left


def _overtaken(preflight: Preflight, licence: Licence | None, licence_error: str) -> bool:
    """Whether what this look saw of the licence and of the token does not go with the last try."""
    if licence is None:
        return licence_error == Forbidden.__name__ and preflight not in {Preflight.TOKEN_WRONG, Preflight.NOT_ASKED}
    match preflight:
        case Preflight.READY:
            return not licence.professional
        case Preflight.NO_LICENCE:
            return licence.professional
    return preflight in {Preflight.TOKEN_WRONG, Preflight.UNKNOWN}


def _tried(deed: Callable[[], ReadT]) -> tuple[ReadT | None, str]:
    """Return (what was read, ""), or (None, the class of what went wrong)."""
    try:
        return deed(), ""
    except WatchdogError as error:
        return None, type(error).__name__


def _well_or_503(answer: Answer) -> Answer:
    return answer if answer.status == _UNAVAILABLE else check(answer)


def _told(answer: Answer) -> Answer:
    """Pass every answer that says something about us or our keys; a server's own trouble says nothing."""
    return check(answer) if answer.status >= _SERVER_FAULTS or answer.status == _TOO_MANY or answer.status // 100 == 3 else answer  # noqa: PLR2004  # 3xx


def _preflight(answer: Answer) -> Preflight:
    try:
        body = answer.json()
    except MalformedAnswer:
        body = None  # 200 comes without a body
    return answers.preflight(answer.status, body)
