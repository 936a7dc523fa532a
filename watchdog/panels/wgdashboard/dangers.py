"""What a restart of the panel would break, as facts for the risk function (contract section 3.2). Pure.

None means not known, and counts as if it were so: userspace tunnels that live in the unit's cgroup end with it, tunnels in a container's
network namespace end with the container, and a configuration on the autostart list that somebody took down comes up again.
"""

from __future__ import annotations

from collections.abc import Sequence

from watchdog.model.drifts import Scalar
from watchdog.model.hooks import ContainerHook, ExecHook, Hook, UnitHook
from watchdog.panels.wgdashboard import remedies
from watchdog.panels.wgdashboard.cases import Case, Patient
from watchdog.panels.wgdashboard.traces import Process


def of_a_restart(case: Case, patients: Sequence[Patient], hook: Hook) -> dict[str, Scalar]:
    """Return the facts of a restart by ``hook``."""
    return {
        "version": case.view.version or "unknown",
        "tunnels_end": tunnels_end(case, patients, hook),
        "raises": raises(case, patients),
        "again": again(case),
    }


def of_a_reread(case: Case, name: str) -> dict[str, Scalar]:
    """Return the facts of a re-read for the configuration ``name``, whose file is gone."""
    process, files = case.evidence.process, case.evidence.files
    known = (each for each in case.view.configurations or () if not each.unknown and each.name != name)
    return {
        "version": case.view.version or "unknown",
        "first_worker": None if process is None else not process.respawned,
        "forgets_too": None if files is None else ", ".join(sorted(each.name for each in known if each.name not in files)),
    }


def again(case: Case) -> bool:
    """Whether we restarted it for this already, or within the hour: the next restart is a person's to order."""
    key = (remedies.RESTART, remedies.panel_object(case.settings.name))
    last = case.facts.last_remedy_at.get(key)
    if last is None:
        return False
    ill = case.notes.panel.ill_since
    return (ill is not None and last >= ill) or case.now.wall - last < remedies.AGAIN


def raises(case: Case, patients: Sequence[Patient]) -> str | None:
    """Name the configurations that a restart would bring up although somebody took them down; "" = none, None = not known."""
    ini = case.evidence.ini
    if ini is None or ini.autostart is None or not case.sight.clear:
        return None
    if case.view.configurations is None:  # no session can be had from a stale worker, but the kernel can be asked
        down = {name for name in ini.autostart if case.sight.device(name) is None}
    else:
        if any(each.configuration.error and each.name in ini.autostart for each in patients):
            return None
        down = {each.name for each in patients if not each.configuration.up and not each.configuration.unknown}
    wanted = {name for name, wish in case.settings.expect.items() if wish == "up"}
    return ", ".join(sorted((set(ini.autostart) & down) - wanted))


def tunnels_end(case: Case, patients: Sequence[Patient], hook: Hook) -> bool | None:
    """Whether some tunnel would end with the panel; None = not known."""
    if not case.sight.clear:
        return None
    process = case.evidence.process
    devices = [each.device for each in patients if each.configuration.up]
    if case.view.configurations is None:
        devices = [each for each in (case.sight.facts.devices if case.sight.facts else ()) if each.netns == case.sight.netns]
    userspace = any(each is not None and each.kind != "kernel" for each in devices)
    if isinstance(hook, ExecHook) and (process is None or not process.first):
        return False  # what ends inside is the panel; its container, and what else runs there, stays
    if case.settings.container or isinstance(hook, ContainerHook | ExecHook):
        if process is None:
            return None
        if process.netns != "":
            return True  # the container's own network namespace goes with it (None: none that we know, so not the host's)
    elif case.sight.netns != "":
        return None  # whose namespace it is, and whether it outlives the panel, cannot be seen
    # a daemon in the unit's cgroup ends with it, be its device a configuration of the panel or not
    return _daemons_end(process, hook) if userspace or (process is not None and process.daemons) else False


def _daemons_end(process: Process | None, hook: Hook) -> bool | None:
    if process is None:
        return None
    if isinstance(hook, UnitHook):
        unit = hook.unit if "." in hook.unit else f"{hook.unit}.service"
        if process.cgroup.rpartition("/")[2] != unit:
            return None  # the panel does not run in the unit that would be restarted, so what that ends cannot be seen
        if process.kill_mode == "process":
            return False  # systemd ends gunicorn alone
    if isinstance(hook, ContainerHook) and not process.cgroup:
        return None
    return process.daemons > 0
