"""The panel's operation log as an audit trail. Pure. Source: contract section 6, head-operation-logs-session.json.

Whose key did it stands in ``operator_name`` and ``operator_source`` since 10.18; before, an act with a key has no name (10.7.0 to 10.17.0),
and so it is neither held against us nor taken for a person's. A log that is switched off is an empty one. What the daemon does by itself
(autostart, a crash, a scheduled task) is in no line.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from watchdog.model.trails import Trail, TrailAct
from watchdog.panels.mcsmanager.settings import McsmanagerSettings
from watchdog.panels.mcsmanager.view import McsmanagerView, Operation

OURS: Final = {"instance_start": frozenset({"open_instance", "stop_container_then_open", "remove_leftover"})}
"""Acts that remedies of ours leave in the log."""
POWER: Final = frozenset({"instance_start", "instance_stop", "instance_restart", "instance_kill"})
CHANGES: Final = frozenset({"instance_config_change", "instance_create"})
"""What a person does to an instance besides; with a key it accuses nobody: programs of the operator's own may do it."""


def trail(settings: McsmanagerSettings, view: McsmanagerView, daemons: Collection[str]) -> Trail | None:
    """Given the daemons whose instances this agent may act on, return who acted on them; None = the log could not be read."""
    if view.operations is None:
        return None
    acts = tuple(act for each in view.operations if each.daemon in daemons and (act := _act(each)) is not None)
    return Trail(acts, settings.account, view.ahead)


def _act(entry: Operation) -> TrailAct | None:
    counts = entry.type in POWER or (entry.type in CHANGES and not entry.by_key)
    if not counts or not entry.id or not entry.instance:
        return None
    if not entry.by_key and not entry.operator:
        return None  # 10.7.0 to 10.17.0: with a key, nobody knows whose
    word = OURS.get(entry.type, frozenset())
    return TrailAct(entry.id, entry.type, entry.at, ("instance", entry.instance), "key" if entry.by_key else "person", entry.operator, word)
