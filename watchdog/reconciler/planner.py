"""From confirmed drifts to a plan. Pure: everything it depends on stands in one ``Scene``.

Each confirmed drift ends in exactly one place: in one repair of the plan, or held with a named reason. One object gets at most one repair.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby

from watchdog.model.approvals import Approval, ApprovalState
from watchdog.model.drifts import DriftKind, Episode, ObjectKey, Proposal
from watchdog.model.moments import Moment
from watchdog.model.pauses import Pause
from watchdog.model.repairs import Held, Mode, ObjectHistory, Plan, PlannedRepair, Remedy, Risk
from watchdog.model.trails import Touch
from watchdog.reconciler import incidents
from watchdog.reconciler.bounds import left_to_them, rest
from watchdog.reconciler.policy import Policy

WISH = "wish"
"""Key of a proposal's facts that says whether the operator's wish for the object is known."""
WISH_UNKNOWN = "unknown"
"""Value of ``WISH`` that always needs a person (rule 13: a stop we did not witness is never undone by us alone)."""

RANK: Mapping[Risk, int] = {Risk.SAFE: 0, Risk.DISRUPTIVE: 1, Risk.DESTRUCTIVE: 2}

REASONS: Mapping[str, str] = {
    "baseline": "it was there before us: `baseline accept` leaves it, `baseline repair` mends it",
    "ignored": "a person asked to ignore it",
    "person": "only a person can help",
    "waiting": "the rule itself waits for something",
    "no_remedy": "this panel has no remedy of that name",
    "observe": "the mode is observe: nothing is done by itself",
    "other_remedy": "a safer or wider remedy is planned for the same object",
    "in_flight": "a repair of the same object is running or settling",
    "in_doubt": "a repair of the same object hung or died; it is looked at again and never replaced",
    "second_installation": "an act by our key is not in our ledger: a second installation? A person decides (acknowledge)",
    "paused": "the target is paused: nothing is repaired until then",
    "gate": "the Docker gate is closed",
    "rejected": "a person rejected this repair",
    "person_acted": "somebody else has just acted on the object: it is left to them for a while",
    "breaker": "repairs of the object went unverified in a row; a person decides (retry)",
    "attempts": "as many attempts as allowed did not mend it; a person decides (retry)",
    "budget": "as many repairs as allowed were made on the object within the hour",
    "not_before": "the last attempt asked to wait",
    "cooldown": "the object rests after its last repair",
    "backoff": "the object rests longer after each attempt that did not mend it",
    **incidents.REASONS,
}
"""Every reason for which a confirmed drift is left alone, in the order of the checks, with the sentence for documents."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a plan is made from. Stamps are restated (see ``steady``).

    ``episodes`` are the confirmed ones; ``approvals`` those of the target in any state; ``objects`` is how many distinct things the target
    has; ``busy`` names the objects with an unfinished repair and why (``in_flight`` or ``in_doubt``); ``pauses`` are those that stand.
    ``stranger`` is the sentence about a second installation, "" = none; ``touched`` is the newest act of somebody else on each object.
    """

    target: str
    episodes: tuple[Episode, ...]
    kinds: Mapping[str, DriftKind]
    remedies: Mapping[str, Remedy]
    policy: Policy
    now: Moment
    histories: Mapping[ObjectKey, ObjectHistory] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    gate_open: bool = False
    objects: int = 0
    busy: Mapping[ObjectKey, str] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    stranger: str = ""
    touched: Mapping[ObjectKey, Touch] = field(default_factory=dict)


def plan(scene: Scene) -> Plan:
    """Return what one pass would do, in order, and every confirmed drift it leaves alone with the reason."""
    wanted, held = candidates(scene)
    by_key = {episode.drift.key: episode for episode in scene.episodes}
    ready: list[PlannedRepair] = []
    for repair in wanted:
        members = [by_key[key] for key in repair.drift_keys]
        approval = standing_approval(repair, scene.approvals, scene.now, _begun(members))
        refusal = _refusal(scene, repair, members, approved=approval is not None)
        if refusal is not None:
            held += _hold(repair.drift_keys, *refusal)
        else:
            ready.append(replace(repair, approval_id=approval.id if approval else None))
    alone = [repair for repair in ready if not repair.needs_approval and repair.approval_id is None and not _ordered(scene, repair)]
    refused = incidents.held_back(wanted, alone, scene.histories, scene.busy, scene.policy.bounds, scene.objects)
    for repair, (reason, message) in refused:
        held += _hold(repair.drift_keys, reason, message)
    left_out = {repair.proposal.object for repair, _ in refused}
    ready = [repair for repair in ready if repair.proposal.object not in left_out]
    return Plan(scene.target, tuple(ready), tuple(sorted(held, key=lambda each: each.drift_key)))


def candidates(scene: Scene) -> tuple[list[PlannedRepair], list[Held]]:
    """Return one repair per object that the drifts ask for, before history and bounds have a say; and the drifts that ask for none."""
    held: list[Held] = []
    asking: list[tuple[Episode, Proposal]] = []
    for episode in sorted(scene.episodes, key=lambda each: each.drift.key):
        refusal = _unaskable(scene, episode)
        if refusal is not None:
            held += _hold((episode.drift.key,), *refusal)
        elif episode.drift.proposal is not None:
            asking.append((episode, episode.drift.proposal))
    asking.sort(key=lambda each: (each[1].object, each[0].drift.key))
    repairs: list[PlannedRepair] = []
    for _, group in groupby(asking, key=lambda each: each[1].object):
        repair, others = _choose(scene, list(group))
        repairs.append(repair)
        held += others
    repairs.sort(key=lambda each: (RANK[each.risk], -len(each.drift_keys), each.proposal.object))
    return repairs, held


def matches(repair: PlannedRepair, approval: Approval) -> bool:
    """Whether ``approval`` was given for this repair: same remedy, object and parameters, for (at least) these drifts, at no lower risk.

    Ages, counters and facts do not matter, as long as the risk that a person saw is not exceeded now.
    """
    return (
        approval.remedy == repair.proposal.remedy
        and approval.object == repair.proposal.object
        and dict(approval.parameters) == dict(repair.proposal.parameters)
        and set(repair.drift_keys) <= set(approval.drift_keys)
        and RANK[repair.risk] <= RANK[Risk(approval.risk)]
    )


def standing_approval(repair: PlannedRepair, approvals: Iterable[Approval], now: Moment, begun: float = 0.0) -> Approval | None:
    """Return the approval that covers ``repair`` now, the one that expires last; None = nobody approved it.

    ``begun`` is when the newest of its drifts was first seen: an approval asked for before that was given for another incident.
    """
    standing = [
        approval
        for approval in approvals
        if approval.state is ApprovalState.APPROVED
        and (approval.expires_at is None or now.wall < approval.expires_at)
        and approval.requested_at >= begun
        and matches(repair, approval)
    ]
    return max(standing, key=lambda each: (each.expires_at or float("inf"), each.id), default=None)


def risk_of(remedy: Remedy, proposals: Iterable[Proposal]) -> Risk:
    """Return the worst risk over all facts; facts that the remedy's own function cannot read count as destructive."""
    return max((_risk(remedy, proposal) for proposal in proposals), key=RANK.__getitem__)


def _risk(remedy: Remedy, proposal: Proposal) -> Risk:
    try:
        return remedy.risk(proposal.facts)
    except (LookupError, TypeError, ValueError):
        return Risk.DESTRUCTIVE


def _unaskable(scene: Scene, episode: Episode) -> tuple[str, str] | None:  # noqa: PLR0911  # a ladder reads best as one
    drift = episode.drift
    remedy = None if drift.proposal is None else scene.remedies.get(drift.proposal.remedy)
    if episode.baseline and not (remedy is not None and remedy.ordered):
        return "baseline", REASONS["baseline"]
    if episode.ignore_reason is not None and (episode.ignored_until is None or scene.now.wall < episode.ignored_until):
        return "ignored", episode.ignore_reason
    if drift.proposal is None:
        return "person", drift.hold or REASONS["person"]
    if drift.hold is not None:
        return "waiting", drift.hold
    if remedy is None:
        return "no_remedy", f"no remedy is called '{drift.proposal.remedy}'"
    if scene.policy.mode_of(drift.kind) is Mode.OBSERVE:
        return "observe", REASONS["observe"]
    return None


def _identity(proposal: Proposal) -> tuple[str, str]:
    return proposal.remedy, repr(sorted(proposal.parameters.items()))


def _choose(scene: Scene, group: list[tuple[Episode, Proposal]]) -> tuple[PlannedRepair, list[Held]]:
    """Of the remedies proposed for one object, return the safest that ends most drifts; the other drifts are held."""
    ways: dict[tuple[str, str], list[tuple[Episode, Proposal]]] = {}
    for episode, proposal in group:
        ways.setdefault(_identity(proposal), []).append((episode, proposal))

    def order(identity: tuple[str, str]) -> tuple[int, int, tuple[str, str]]:
        members = ways[identity]
        return RANK[risk_of(scene.remedies[identity[0]], (p for _, p in members))], -len(members), identity

    best = min(ways, key=order)
    repair = _repair(scene, ways[best])
    message = f"'{best[0]}' on {repair.proposal.object} comes first"
    others = [each for identity, members in ways.items() if identity != best for episode, _ in members
              for each in _hold((episode.drift.key,), "other_remedy", message)]  # fmt: skip
    return repair, others


def _repair(scene: Scene, members: list[tuple[Episode, Proposal]]) -> PlannedRepair:
    remedy = scene.remedies[members[0][1].remedy]
    risk = risk_of(remedy, (proposal for _, proposal in members))
    # the proposal that stands for all is the one with the worst facts, so that what a person reads is what they risk
    speaker = max((proposal for _, proposal in reversed(members)), key=lambda proposal: RANK[_risk(remedy, proposal)])
    asks = not remedy.ordered and (
        any(scene.policy.mode_of(episode.drift.kind) is not Mode.REPAIR for episode, _ in members)
        or risk is Risk.DESTRUCTIVE
        or (risk is Risk.DISRUPTIVE and remedy.name not in scene.policy.allow)
        or any(proposal.facts.get(WISH) == WISH_UNKNOWN for _, proposal in members)
    )
    return PlannedRepair(speaker, risk, tuple(sorted(episode.drift.key for episode, _ in members)), needs_approval=asks)


def _refusal(scene: Scene, repair: PlannedRepair, members: list[Episode], *, approved: bool) -> tuple[str, str] | None:  # noqa: PLR0911  # a ladder
    """Return why this repair must not run now, or None; ``members`` are the episodes that it would end."""
    key = repair.proposal.object
    remedy = scene.remedies[repair.proposal.remedy]
    if key in scene.busy:
        return scene.busy[key], REASONS[scene.busy[key]]
    if scene.stranger and not remedy.ordered:
        return "second_installation", scene.stranger
    if not remedy.ordered and (pause := _pause_over(scene, members)) is not None:
        return "paused", f"pause {pause.id} by {pause.by} ({pause.reason}) stands: nothing is repaired until its end"
    if remedy.needs_docker and not scene.gate_open:
        return "gate", REASONS["gate"]
    if not approved and _rejected(scene, repair, members):
        return "rejected", REASONS["rejected"]
    if not approved and not remedy.ordered and (theirs := left_to_them(scene.touched.get(key), scene.policy.bounds, scene.now)):
        return theirs
    return rest(scene.histories.get(key, ObjectHistory()), remedy, scene.policy.bounds, scene.now, approved=approved)


def _pause_over(scene: Scene, members: list[Episode]) -> Pause | None:
    """Return a pause that covers any subject of these drifts."""
    subjects = [episode.drift.subject for episode in members]
    return next((pause for pause in scene.pauses if any(pause.covers(each.id, each.name) for each in subjects)), None)


def _ordered(scene: Scene, repair: PlannedRepair) -> bool:
    return scene.remedies[repair.proposal.remedy].ordered


def _rejected(scene: Scene, repair: PlannedRepair, members: list[Episode]) -> bool:
    """Whether a person rejected this very repair since its drifts were first seen; a new episode may ask anew."""
    begun = _begun(members)
    return any(
        approval.state is ApprovalState.REJECTED and matches(repair, approval) and (approval.decided_at or 0.0) >= begun
        for approval in scene.approvals
    )


def _begun(members: list[Episode]) -> float:
    """Return when the newest of these drifts was first seen."""
    return max((episode.first_seen for episode in members), default=0.0)


def _hold(keys: Iterable[str], reason: str, message: str) -> list[Held]:
    return [Held(key, reason, message) for key in keys]
