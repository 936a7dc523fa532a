"""What persons decided and what we hold, in the JSON of the API."""

from __future__ import annotations

from collections.abc import Mapping

from watchdog.model.approvals import Holding, Ignore
from watchdog.model.drifts import Scalar
from watchdog.web.bodies import Body, ObjectBody, Time


class IgnoreBody(Body):
    """One ignore that holds."""

    id: int
    pattern: str
    reason: str
    by: str
    created: Time | None
    until: Time | None

    @classmethod
    def of(cls, ignore: Ignore) -> IgnoreBody:
        """Return the body of ``ignore``."""
        return cls(
            id=ignore.id,
            pattern=ignore.pattern,
            reason=ignore.reason,
            by=ignore.by,
            created=Time.of(ignore.created_at),
            until=Time.of(ignore.until),
        )


class HoldingBody(Body):
    """One change of ours that outlives us."""

    id: int
    target: str
    what: str
    object: ObjectBody
    undo: str
    parameters: Mapping[str, Scalar]
    created: Time | None
    expires: Time | None
    released: Time | None

    @classmethod
    def of(cls, holding: Holding) -> HoldingBody:
        """Return the body of ``holding``."""
        return cls(
            id=holding.id,
            target=holding.target,
            what=holding.what,
            object=ObjectBody.of(holding.object),
            undo=holding.undo,
            parameters=dict(holding.parameters),
            created=Time.of(holding.created_at),
            expires=Time.of(holding.expires_at),
            released=Time.of(holding.released_at),
        )
