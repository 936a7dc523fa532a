"""One pure rule per drift: from a ``Case`` and a ``Patient`` to a drift, or to None.

Another owner of the same wish is left to do its work (house rule 13): Docker's restart policy for what has ended, another healer for what
is unhealthy. Then there is a drift and no proposal, and the drift says who is to act.
"""

from __future__ import annotations

from typing import Final

from watchdog.model.docker import Container
from watchdog.model.drifts import Drift, Proposal, Scalar, Subject
from watchdog.panels.containers import memory as memories
from watchdog.panels.containers import remedies
from watchdog.panels.containers.cases import Case, Patient
from watchdog.panels.containers.view import PANEL_NAME, SERVICE, UNTOUCHABLE, YES
from watchdog.panels.containers.witness import deaths, kills_for_memory

NEVER_WELL: Final = 600.0
"""Seconds after Docker's start in which what is unhealthy has not been well since: what it started came up before what it needs."""
TAKEN_ALONG: Final = 180.0
"""Seconds after we set out to restart a container in which the same repair reaches those that share its network."""


def oom_loop(case: Case, patient: Patient) -> Drift | None:
    """Find what is killed for want of memory again and again."""
    kills = kills_for_memory(patient.ward.events, case.now - case.settings.oom_window)
    if kills < case.settings.oom_kills:
        return None
    use = case.register.docker.cgroups.get(patient.container.id)
    evidence: dict[str, Scalar] = {"memory_limit_bytes": use.memory_limit_bytes if use else None}
    hold = "it runs out of memory: give it more, or make it need less; starting it again only feeds the loop"
    truth = f"it was killed for want of memory at least {case.settings.oom_kills} times within {case.settings.oom_window / 60:.0f} minutes"
    return drift_of(case, "container_oom_loop", patient, truth, evidence, None, hold)


def restart_loop(case: Case, patient: Patient) -> Drift | None:
    """Find what dies soon after each start, whoever starts it; ends that a signal preceded do not count."""
    ends = deaths(patient.ward.events, case.now - case.settings.loop_window)
    if len(ends) < case.settings.loop_deaths:
        return None
    policy = patient.container.restart_policy or "no"
    evidence: dict[str, Scalar] = {"exit_code": ends[-1].exit_code, "restart_policy": policy}
    who = f"Docker starts it again by its restart policy '{policy}'" if policy != "no" else "it ends soon after each start"
    if patient.container.oom_killed:
        who = f"it was killed for want of memory, and {who}"  # Docker tells no event of a kill in the first moments of a run
    hold = f"{who}; another start only feeds the loop: read 'docker logs {patient.container.name}'"
    truth = f"it died at least {case.settings.loop_deaths} times within {case.settings.loop_window / 60:.0f} minutes"
    return drift_of(case, "container_restart_loop", patient, truth, evidence, None, hold)


def exited(case: Case, patient: Patient) -> Drift | None:
    """Find what has ended against the wish; a hand on it, and an end that ``expect`` allows, is none."""
    container, wish, how = patient.container, patient.ward.wish, patient.memory.how
    if container.state != "exited" or how in ("", "hand"):
        return None
    wanted = {
        "ours": True,
        "itself": wish.expect == "running" or (wish.expect == "auto" and bool(patient.memory.code)),
        "unseen": wish.expect == "running",
    }[how]
    if not wanted:
        return None
    policy, error = container.restart_policy or "no", case.checkup(container).error
    evidence: dict[str, Scalar] = {"exit_code": patient.memory.code, "ended": how, "container": container.id[:12]}
    if container.oom_killed:
        evidence["out_of_memory"] = True
    if error:
        evidence["error"] = error
    truth = f"it ended with code {patient.memory.code} and does not run"
    hold, proposal = patient.loop, None
    if not hold and policy != "no" and how != "ours":
        hold = f"its restart policy is '{policy}', so Docker keeps it running or has given up on purpose: two must not start it"
    if not hold:
        hold = _waits_for(case, container, also_unhealthy=False)
        proposal = remedies.start(case.settings.name, container, "unknown" if how == "unseen" else "known")
    return drift_of(case, "container_exited", patient, truth, evidence, proposal, hold)


def detached(case: Case, patient: Patient) -> Drift | None:
    """Find what shares the network of a container that was made or started anew since: its own end of that network is dead."""
    container, provider = patient.container, patient.ward.provider
    if not container.running or not patient.ward.shares:
        return None
    if provider is None:
        service = container.labels.get(SERVICE) or container.name
        hold = f"a restart would fail, for it asks for that very container: make it anew ('docker compose up -d {service}')"
        evidence: dict[str, Scalar] = {"shares": patient.ward.shares[:12], "container": container.id[:12]}
        truth = "the container whose network it shares has gone"
        return drift_of(case, "container_dependent_detached", patient, truth, evidence, None, hold)
    if not provider.running or provider.started_at is None or container.started_at is None or provider.started_at <= container.started_at:
        return None
    evidence = {"shares": provider.name, "container": container.id[:12]}
    last = case.last(remedies.RESTART, provider.name)
    hold = patient.loop
    if not hold and last is not None and 0 <= case.now - last < TAKEN_ALONG:
        hold = f"the repair of {provider.name} takes it along"
    proposal, reason = _restart(case, patient, "detached")
    truth = f"{provider.name}, whose network it shares, was started after it: it is cut off"
    return drift_of(case, "container_dependent_detached", patient, truth, evidence, None if patient.loop else proposal, hold or reason)


def unhealthy(case: Case, patient: Patient) -> Drift | None:
    """Find what Docker's own health check calls unhealthy while it runs (moby/moby issue 28400: Docker itself does nothing about it)."""
    container = patient.container
    if not container.running or container.health != "unhealthy":
        return None
    evidence: dict[str, Scalar] = {"container": container.id[:12], "output": patient.memory.output}
    code = case.checkup(container).check_code
    if code is not None:
        evidence["check_code"] = code
    hold = patient.loop or _other_healer(case, container)
    proposal, reason = (None, "") if hold else _restart(case, patient, "unhealthy")
    return drift_of(case, "container_unhealthy", patient, "its health check fails", evidence, proposal, hold or reason)


def _restart(case: Case, patient: Patient, reason: str) -> tuple[Proposal | None, str]:
    """Return the proposal of a restart, and why it waits or must not be ("" = it need not)."""
    container, register = patient.container, case.register
    sharing = register.sharing(container)
    following = tuple(each for each in register.following(container) if each not in sharing and each.id in register.healed)
    for each in sharing:
        wish = register.view.wish(each)
        if wish.left_alone in UNTOUCHABLE:
            return None, f"'{each.name}' shares its network and would be cut off with it: {wish.why}"
    strangers = sum(each.id not in register.healed for each in sharing)
    proposal = remedies.restart(
        case.settings.name, container, (*sharing, *following), patient.ward.wish.stop_timeout,
        strangers=strangers, reason=reason, cause=_cause(case, patient),
    )  # fmt: skip
    return proposal, _waits_for(case, container, also_unhealthy=True)


def _cause(case: Case, patient: Patient) -> str:
    """Name what is known and over, and left this behind with others (the planner's incident): Docker's own start; "" = nothing."""
    started, since = case.register.docker.engine_started_at, patient.memory.ill_since
    if started is None or since is None or not 0 <= since - started <= NEVER_WELL:
        return ""
    if memories.same_start(started, patient.memory.well_under):
        return ""  # it has been well under this Docker: that start left nothing behind here
    return f"Docker was started at {round(started, -1):.0f}"


def _waits_for(case: Case, container: Container, *, also_unhealthy: bool) -> str:
    """Return which of those that a container depends on comes first, "" = none."""
    provider = case.register.provider(container)
    for each in case.register.needed(container):
        if not each.running:
            if each is not provider and each.state == "exited" and each.exit_code == 0:
                continue  # a job that is done, as migrations are; Compose's short form of depends_on does not say so
            return f"it depends on '{each.name}', which does not run ({each.state}): that one comes first"
        if also_unhealthy and each.health in ("unhealthy", "starting"):
            return f"it depends on '{each.name}', which is {each.health}: that one comes first"
    return ""


def _other_healer(case: Case, container: Container) -> str:
    borne = case.checkup(container).healers
    for healer in case.evidence.healers:
        if not healer.label:
            return f"the healer '{healer.name}' runs beside us, and what it looks after cannot be seen: two must not restart one container"
        if healer.label == "*" or healer.label in borne or container.labels.get(healer.label, "").lower() in YES:
            return f"the healer '{healer.name}' runs beside us and looks after it: two must not restart one container"
    return ""


def drift_of(
    case: Case, kind: str, patient: Patient, truth: str, evidence: dict[str, Scalar], proposal: Proposal | None, hold: str
) -> Drift:  # fmt: skip
    """Put one drift together; ``hold`` "" = nothing stands in the way."""
    name = patient.container.name
    expect = patient.ward.wish.expect
    belief = f"opted in by {patient.ward.wish.why}" + (f", expected {expect}" if expect != "auto" else "")
    return Drift(kind, PANEL_NAME, case.settings.name, Subject("container", name, name), truth, belief, evidence, proposal, hold or None)
