"""Values for tests of the ledger, short to write."""

from __future__ import annotations

from watchdog.ledger.open import Ledger
from watchdog.model.approvals import Lease
from watchdog.model.drifts import Drift, Judgement, ObjectKey, Proposal, Scalar, Subject, UnknownSubject
from watchdog.model.repairs import PlannedRepair, RepairRecord, Risk

TARGET = "panel-a"


def key(name: object = "one", target: str = TARGET) -> ObjectKey:
    return ObjectKey("mcsmanager", target, "instance", str(name))


def drift(name: object = "one", kind: str = "ghost", target: str = TARGET, **evidence: Scalar) -> Drift:
    return Drift(
        kind, "mcsmanager", target, Subject("instance", str(name), f"Instance {name}"), "no container", "running",
        evidence or {"status": 3}, Proposal("open", key(name, target), {"uuid": str(name)}, {"version": "10.6.1"}),
    )  # fmt: skip


def seen(*names: object, unknown: tuple[object, ...] = (), **memory: Scalar) -> Judgement:
    return Judgement(
        tuple(drift(name) for name in names), tuple(UnknownSubject(Subject("instance", str(name)), "blind") for name in unknown), (), memory
    )


def planned(name: object = "one", remedy: str = "open", **parameters: Scalar) -> PlannedRepair:
    return PlannedRepair(Proposal(remedy, key(name), parameters, {"players": 3}), Risk.DISRUPTIVE, (drift(name).key,))


def leased(ledger: Ledger, name: object = "one", holder: str = "me", seconds: float = 30.0) -> Lease:
    lease = ledger.lease(key(name), holder, seconds)
    assert lease is not None
    return lease


def intended(ledger: Ledger, name: object = "one", now: float = 1000.0, remedy: str = "open") -> RepairRecord:
    return ledger.intend(planned(name, remedy), leased(ledger, name), "policy", now)
