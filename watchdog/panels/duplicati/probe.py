"""For ``doctor``: try the server, the secret, what is read, and say what a pause is worth on this release. Reads only.

Sends to the server: one login, and what a look reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from watchdog.errors import Forbidden, Permanent, Temporary, Unknown, WatchdogError
from watchdog.model.panels import Ports, Probe
from watchdog.panels.duplicati import client
from watchdog.panels.duplicati.client import DuplicatiClient
from watchdog.panels.duplicati.evidence import EvidenceReader
from watchdog.panels.duplicati.login import HostRefused, TooOld, WrongPassword
from watchdog.panels.duplicati.releases import Capabilities
from watchdog.panels.duplicati.settings import DuplicatiSettings
from watchdog.panels.duplicati.traces import Evidence, FolderSeen
from watchdog.panels.duplicati.view import DuplicatiView

STORIES: Final = {
    "forgets": "keeps a pause in memory only: it is lost with each restart, and is put back within seconds",
    "first_to_keep": "stores a pause, with faults in time zones: it is posted again after each restart",
    "shows_only": "shows a stored pause after a restart and runs jobs all the same: it is posted again after each, which makes it real",
    "keeps": "stores a pause and obeys it after a restart; one of more than 24 hours ends silently after 24, so it is leased",
    "newest": "stores a pause and obeys it after a restart; one of more than 24 hours ends silently after 24, so it is leased",
    "unknown": "is not in the table: it is judged by what its answers show, and jobs are edited only if that is enough",
    "too_old": "is too old: it is observed, and nothing is ever sent to it; upgrade it to 2.1 or later",
}
NO_PROOF: Final = (
    "no list (set the job's option --upload-verification-file) and no database is named here: of encrypted ones only the names are judged"
)
DELAY_HELPS: Final = (
    "a due job starts within seconds of the server's start, before a pause can be put back; startup_delay: 2m closes that gap "
    "(a setting of the server, put back on release)"
)
DELAY_IGNORED: Final = "2.1.1 to 2.2.0.2 ignore one: a job due at a restart begins before the pause is back; upgrade to 2.2.0.3 or later"
REPORTS: Final = (
    "a backup waits for whoever takes its report: while nobody listens at our address each one takes 2 s longer and ends with a warning; "
    "if it hangs, up to 5 minutes. Reports are in addition to what is read: take --send-http-json-urls out when we are removed"
)


def probe(settings: DuplicatiSettings, ports: Ports) -> tuple[Probe, ...]:
    """Return one line per thing tried."""
    connection = client.connect(settings, ports.clock, ports.instruments)
    try:
        return tuple(_lines(settings, ports, connection))
    finally:
        connection.close()


def _lines(settings: DuplicatiSettings, ports: Ports, connection: DuplicatiClient) -> Iterator[Probe]:
    if not connection.health() and not connection.turns_out_old():
        yield Probe("server", ok=False, message=f"nobody answers at url: {settings.url} (/health); is it the server's address?")
        return
    yield Probe("server", ok=True, message=f"{settings.url} answers")
    try:
        view = connection.view()
    except WatchdogError as error:
        yield _unread(settings, error)
        return
    yield Probe("credential", ok=True, message=_let_in(settings, view))
    yield from _release(settings, view)
    yield _witness(settings, connection)
    yield from _jobs(settings, view)
    yield from _clock(settings, view)
    reader = EvidenceReader(settings, ports.clock)
    yield from _evidence(reader.read())
    yield from _folders(settings, reader.folders())
    if settings.report.secret_sha256:
        yield Probe("reports", ok=None, message=REPORTS)


def _unread(settings: DuplicatiSettings, error: WatchdogError) -> Probe:
    if isinstance(error, WrongPassword):
        return Probe("credential", ok=False, message=str(error))
    if isinstance(error, HostRefused):
        return Probe("host name", ok=False, message=str(error))
    if isinstance(error, TooOld):
        return Probe("release", ok=False, message=str(error))
    if isinstance(error, Forbidden):
        return Probe("credential", ok=False, message=str(error))
    kinds = {Temporary: "it cannot be read now", Unknown: "this does not look like Duplicati", Permanent: "it refused"}
    said = next((text for kind, text in kinds.items() if isinstance(error, kind)), "it failed")
    return Probe("server", ok=False, message=f"{said}: {error}; check url: {settings.url}")


def _let_in(settings: DuplicatiSettings, view: DuplicatiView) -> str:
    if settings.auth != "password":
        return "the token is accepted"
    better = "preauth" if view.capabilities.modern else "forever"
    return f"accepted; each session leaves a row in the server's database, some 120 a day: auth: {better} leaves none"


def _release(settings: DuplicatiSettings, view: DuplicatiView) -> Iterator[Probe]:
    can = view.capabilities
    known = can.family not in {"unknown", "too_old"}
    yield Probe("release", ok=known or None if can.mendable else False, message=f"{view.version or 'it'} {STORIES[can.family]}")
    yield from _delay(settings, can, view.startup_delay)


def _delay(settings: DuplicatiSettings, can: Capabilities, stands: str) -> Iterator[Probe]:
    if not can.mendable:
        return
    if can.honours_delay is False:
        yield Probe("startup delay", ok=None, message=DELAY_IGNORED)
    elif stands:
        yield Probe("startup delay", ok=True, message=f"{stands}: no job runs before a pause is put back")
    elif settings.startup_delay:
        yield Probe("startup delay", ok=None, message=f"not set on the server yet; it becomes {settings.startup_delay}")
    elif can.persists is False:
        yield Probe("startup delay", ok=None, message=DELAY_HELPS)


def _witness(settings: DuplicatiSettings, connection: DuplicatiClient) -> Probe:
    if not connection.hidden:
        return Probe("witness", ok=True, message="the server itself is at the end of our connection: a restart is seen at once")
    told = "as behind_proxy: says" if settings.behind_proxy is not None else "by its header Server"
    return Probe("witness", ok=None, message=f"a proxy is in between ({told}): a restart is seen by /health, asked every second, only")


def _jobs(settings: DuplicatiSettings, view: DuplicatiView) -> Iterator[Probe]:
    unread = [job.name for job in view.backups if not job.log_read]
    said = f"{len(view.backups)}, {sum(job.schedule is not None for job in view.backups)} with a schedule"
    yield Probe("jobs", ok=not unread or None, message=said + (f"; not all logs read yet: {', '.join(unread[:5])}" if unread else ""))
    named = {*settings.destinations, *settings.sources}
    for key in sorted(key for key in named if view.backup(key) is None):
        yield Probe("jobs", ok=False, message=f"the server has no job '{key}', which destinations or sources name")


def _clock(settings: DuplicatiSettings, view: DuplicatiView) -> Iterator[Probe]:
    if view.clock_skew is not None:
        ok = abs(view.clock_skew) <= settings.clock_skew
        yield Probe("clock", ok=ok, message=f"{abs(view.clock_skew):.0f} s {'ahead of' if view.clock_skew > 0 else 'behind'} ours")
    if not view.zone:
        yield Probe("zone", ok=None, message="the server does not say its time zone: slots are counted in this host's; else set zone")


def _evidence(evidence: Evidence) -> Iterator[Probe]:
    for key, database in sorted(evidence.databases.items()):
        said = database.message or database.problem or "read"
        yield Probe(f"database of {key}", ok=not database.problem, message=said)
    for key, sources in sorted(evidence.sources.items()):
        for source in sources:
            yield Probe(f"source of {key}", ok=source.state == "there", message=f"{source.path}: {source.state}")


def _folders(settings: DuplicatiSettings, folders: Mapping[str, FolderSeen]) -> Iterator[Probe]:
    """Say of each destination whether it is there, and what will prove its bytes."""
    for key, seen in sorted(folders.items()):
        if seen.error or not seen.volumes:
            said = f"{settings.destinations[key].path}: {seen.error or 'no volume with the prefix ' + settings.destinations[key].prefix}"
            yield Probe(f"destination of {key}", ok=False if seen.error else None, message=said)
            continue
        proof = [word for word, there in (("its list", seen.listed), ("the job's database", settings.destinations[key].database)) if there]
        told = f"{seen.volumes} volumes, proven by {' and '.join(proof)}" if proof else f"{seen.volumes} volumes; {NO_PROOF}"
        yield Probe(f"destination of {key}", ok=True if proof else None, message=told)
