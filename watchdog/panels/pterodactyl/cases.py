"""The words for stuck backups: which of the contract's cases A to L one is (section 0), and why it is left alone if it is (3.5).

``judging`` decides by them, ``refusing`` has the guards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CASES: Final[Mapping[str, str]] = {
    "awaiting_verification": "an archive lies there and is not verified yet",
    "proven": "the archive is whole, and Wings' log says that it was finished: it can be completed",
    "unproven": "the archive holds together, but nothing says that it was finished: a person decides",
    "corrupt": "the archive is bad, or Wings' log says that it could not be made: it must be failed",
    "absent": "there is no archive: it must be failed",
    "in_flight": "Wings may still be at it, and may still call",
    "s3": "it is in an object store: never touched",
    "cannot_see": "what must be known of it cannot be seen",
    "held": "Wings deleted the archive, and our guard still holds it: it can be put back and completed",
}
"""The sub-verdicts of ``backup_stuck`` (``evidence.case``), with what each means."""
REFUSALS: Final[Mapping[str, str]] = {
    # guard 1: the record
    "record_unreadable": "the panel does not show the backups of this server now (409 and kin)",
    "record_stale": "the record was read too long ago",
    "record_odd": "the record is successful and was never completed: no release writes that",
    "not_shown_pruned": "the record says failed, and it is not shown that only the panel gave it up",
    # guard 2: the disk
    "disk_s3": "the backup is in an object store",
    # guard 3: the place
    "elsewhere": "the server is on another node",
    "place_unproven": "no Wings configuration on this host says which node it is",
    "paths_differ": "the configured paths are not those of Wings' configuration",
    # guard 4: Wings can no longer call
    "open_file": "a process has the archive open",
    "not_stable": "the archive has just changed",
    "within_grace": "the archive is too young: Wings may still be at its checksum or its callback",
    "cannot_see_wings": "the open files of the Wings process cannot be seen",
    "network_filesystem": "the archives lie on a network file system, where nobody can see who has a file open",
    "log_ambiguous": "a failed notification may belong to any of several backups of this server",
    "wings_settling": "Wings was started less than two minutes ago",
    # guard 5: the bytes
    "archives_unseen": "the directory of archives could not be read lately",
    "not_verified": "the archive is not verified yet",
    "unverifiable": "the archive could not be verified",
    "held_unseen": "the guard's directory cannot be listed",
    # guard 6 is no refusal but a question: without the log's word a person decides
    # guard 7: the name
    "not_a_file": "what has the archive's name is not a regular file",
    "name_not_canonical": "the backup's id is not a lower-case UUID",
    # guard 8: the way to the panel
    "waiting_for_panel_upgrade": "panel 1.11.6 refuses every report about a backup: waiting for its upgrade",
    "callback_broken": "the panel does not take reports about backups now",
    "panel_release_broken": "the panel is called 1.11.6, although it takes reports: set panel_version or panel_config right",
    "callback_unknown": "it is not known whether the panel takes reports about backups",
    "waiting_for_canary": "the first repair after an outage goes alone, the rest one at a time",
    # reporting a failure
    "too_young": "the record is too young to be called failed",
    "seen_once": "it was seen so only once",
}
"""Every reason for which a rule leaves a stuck backup alone, by the guards of contract section 3.5, each with its sentence."""
