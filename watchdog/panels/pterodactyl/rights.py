"""What watching and mending one Pterodactyl panel, and the node on this host, takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from watchdog.model.rights import Capability, Reach, Right
from watchdog.panels.pterodactyl.settings import PterodactylSettings

READS: Final = Capability.CAP_DAC_READ_SEARCH


def _node(settings: PterodactylSettings) -> Iterable[Reach]:
    node = settings.node
    return [] if node is None else [Reach(each) for each in (node.config, node.backups, node.log.parent, node.states)]


def _links(settings: PterodactylSettings) -> Iterable[Reach]:
    return [] if settings.node is None else [Reach(settings.node.backups, write=True)]


RIGHTS: Final = (
    Right(
        "panel, servers, backups; power, sync, lock", "panels.pterodactyl[].token_file",
        panel="account key (`ptlc_...`) of an administrator, best one of its own; it can read every node's token: guard it like root",
        reaches=lambda one: (Reach(one.token_file),),
    ),
    Right(
        "archives, Wings' configuration, log, heartbeat", "panels.pterodactyl[].node", closed=(READS,),
        mount="`/etc/pterodactyl`, `/var/lib/pterodactyl`, `/var/log/pterodactyl`, read-only",
        panel="Wings: the node's token, read out of its configuration", on=lambda one: one.node is not None, reaches=_node,
    ),
    Right(
        "who has an archive open", "panels.pterodactyl[].node", (READS, Capability.CAP_SYS_PTRACE),
        mount="the host's `/proc`, named by `node.proc`; no ProtectProc, no hidepid", namespace="pid: the host's",
        on=lambda one: one.node is not None, reaches=lambda one: (Reach(one.node.proc),),
    ),
    Right(
        "hard links: the guard, and complete_backup", "panels.pterodactyl[].guard",
        closed=(Capability.CAP_DAC_OVERRIDE, Capability.CAP_FOWNER),
        mount="the backups and the guard's folder in one mount, read and write",
        on=lambda one: one.node is not None and (one.guard.enabled or one.mode.value != "observe"), reaches=_links,
    ),
    Right(
        "servers as Docker has them", "panels.pterodactyl[].node", mount="as for Docker, reading", on=lambda one: one.node is not None,
    ),
    Right(
        "the panel's release", "panels.pterodactyl[].panel_config", mount="the panel's `config/app.php`, read-only",
        on=lambda one: one.panel_config is not None, reaches=lambda one: (Reach(one.panel_config),),
    ),
    Right(
        "Wings of other nodes", "panels.pterodactyl[].node_tokens", namespace="network: a way to each node", on=lambda one: one.node_tokens,
    ),
    Right(
        "restart_queue, restart_cron", "panels.pterodactyl[].hooks", panel="a hook: as for hooks",
        on=lambda one: one.hooks.restart_queue is not None or one.hooks.restart_cron is not None,
    ),
)  # fmt: skip
