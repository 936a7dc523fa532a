"""What watching, pausing and mending one Duplicati server takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.rights import Capability, Reach, Right
from watchdog.panels.duplicati.settings import DuplicatiSettings

READS: Final = (Capability.CAP_DAC_READ_SEARCH,)


def _secret(settings: DuplicatiSettings) -> Iterable[Reach]:
    return [Reach(each) for each in (settings.password_file, settings.token_file) if each is not None]


def _destinations(settings: DuplicatiSettings) -> Iterable[Reach]:
    for each in settings.destinations.values():
        yield Reach(each.path)
        if each.database is not None:
            yield Reach(each.database)


RIGHTS: Final = (
    Right(
        "server, jobs, logs; every remedy and every pause", "panels.duplicati[].auth",
        panel="the server's password, or a token given to it by `--webservice-pre-auth-tokens`: Duplicati knows no lesser right",
        reaches=_secret,
    ),
    Right(
        "destinations: volumes and the job's database", "panels.duplicati[].destinations", closed=READS,
        mount="each folder and database under its own path, read-only", on=lambda one: bool(one.destinations), reaches=_destinations,
    ),
    Right(
        "whether there is anything to back up", "panels.duplicati[].sources", closed=READS,
        mount="each source under its own path, read-only",
        on=lambda one: bool(one.sources), reaches=lambda one: [Reach(path) for paths in one.sources.values() for path in paths],
    ),
    Right(
        "reports of the server's own", "panels.duplicati[].report", namespace="network: the server must reach our port",
        panel="the option `--send-http-json-urls` of the server or of a job", on=lambda one: bool(one.report.secret_sha256),
    ),
)  # fmt: skip
