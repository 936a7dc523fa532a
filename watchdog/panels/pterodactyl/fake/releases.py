"""The releases this fake can be, and in what they differ; recordings/pterodactyl/versions.json is the table it is held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

WrongNode = Literal["accepted", "error", "forbidden"]


@dataclass(frozen=True, slots=True)
class Release:
    """One release of the panel, or of its fork.

    ``wrong_node`` is what a completion with another node's token gets: 1.11.5 does not look (remote-wrong-node-1.11.5.json, 204), 1.11.7
    and 1.11.8 lack an import (remote-wrong-node-1.11.8.json, 500 ``Error``), then 403 (remote-wrong-node-develop-2024-10-21.json).
    """

    name: str
    wrong_node: WrongNode
    broken_lookup: bool = False
    """Both remote backup routes filter by ``backups.node_id``, a column that is missing: 500 ``QueryException`` for every call that passes
    the checks of token and body (BackupStatusController.php@v1.11.6; remote-success-1.11.6.json, remote-probe-random-1.11.6.json)."""
    client_limit: int = 720
    """Requests per minute and user (config/http.php@v1.11.8; client-429.json)."""
    application_limit: int = 240
    admits_admins: bool = False
    """Whether a root admin may look into a suspended or installing server (Pelican HEAD, contract section 8; here 409)."""
    nested_archives: bool = False
    """Whether archives lie below a folder of their server (Pelican, contract section 8)."""
    label: str = "Pterodactyl"
    """The value of the containers' label ``Service`` (contract sections 5.1 and 8)."""


RELEASES: Final[Mapping[str, Release]] = {
    each.name: each
    for each in (
        Release("1.11.5", "accepted"),
        Release("1.11.6", "accepted", broken_lookup=True),
        Release("1.11.7", "error"),
        Release("1.11.8", "error"),
        Release("1.11.9", "forbidden"),
        Release("pelican", "forbidden", False, 256, 256, admits_admins=True, nested_archives=True, label="Pelican"),
    )
}
