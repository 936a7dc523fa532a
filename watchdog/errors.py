"""The exception tree of the house.

::

    WatchdogError
    ├── Temporary            try again; ``delay`` says when at the earliest (None = the caller's own back-off)
    │   ├── Unreachable      no connection, reset, cut answer
    │   │   └── Cut          a stream that began well and ended before its end
    │   ├── DeadlinePassed   the whole exchange took longer than its deadline
    │   ├── Throttled        the other side asked for patience (429 and kin)
    │   ├── ServerFault      the other side failed (5xx)
    │   ├── LeaseLost        our fence is no longer the newest: somebody else owns the object now
    │   ├── LedgerUnavailable the ledger cannot be read or written now
    │   │   └── LedgerReadOnly a newer program keeps it: we may read, not write
    │   └── Stopping         the program is ending; leave the work as it is
    ├── Permanent            the same call will fail the same way
    │   ├── Forbidden        the credential is missing, wrong or too weak (401, 403)
    │   ├── NotFound         the named thing does not exist (404)
    │   ├── Refused          the other side or a guard refuses this call (other 4xx, a failed precondition)
    │   │   └── Conflict     somebody changed the thing since it was read; ``current`` is how it is now
    │   └── BadSettings      a configuration value cannot be used; the text names the key and the way out
    └── Unknown              the answer says nothing either way; never a reason to repair
        ├── MalformedAnswer  bytes came back, but not in the promised shape
        ├── Blind            we could not look (permission, hidden pid namespace, network file system)
        └── Unplaced         the subject's place is not proven
"""

from __future__ import annotations


class WatchdogError(Exception):
    """Root of all errors the house raises on purpose. The text is for a person and holds no secret."""


class Temporary(WatchdogError):
    """Worth another try.

    ``delay`` is the earliest useful wait in seconds, or None when the other side named none.
    """

    def __init__(self, message: str, delay: float | None = None) -> None:
        super().__init__(message)
        self.delay = delay


class Unreachable(Temporary):
    """No connection, a reset, or an answer that was cut."""


class Cut(Unreachable):
    """A stream that began well and ended before its end: what came is not all."""


class DeadlinePassed(Temporary):
    """The whole exchange took longer than its deadline."""


class Throttled(Temporary):
    """The other side asked for patience."""


class ServerFault(Temporary):
    """The other side failed while answering (5xx)."""


class LeaseLost(Temporary):
    """Our fence is no longer the newest; somebody else owns the object now."""


class LedgerUnavailable(Temporary):
    """The ledger cannot be read or written now."""


class LedgerReadOnly(LedgerUnavailable):
    """A newer program has changed the ledger's schema, in a way that leaves it readable for us: nothing of ours is written."""


class Stopping(Temporary):
    """The program is ending; leave the work as it is."""


class Permanent(WatchdogError):
    """The same call would fail the same way."""


class Forbidden(Permanent):
    """The credential is missing, wrong or too weak."""


class NotFound(Permanent):
    """The named thing does not exist."""


class Refused(Permanent):
    """The other side, or one of our guards, refuses this call."""


class Conflict(Refused):
    """Somebody changed the thing since it was read. ``current`` is how it is now, a value of the room that raises (None = gone)."""

    def __init__(self, message: str, current: object = None) -> None:
        super().__init__(message)
        self.current = current


class BadSettings(Permanent):
    """A configuration value cannot be used; the text names the key and the way out."""


class Unknown(WatchdogError):
    """The answer says nothing either way; never a reason to repair."""


class MalformedAnswer(Unknown):
    """Bytes came back, but not in the promised shape."""


class Blind(Unknown):
    """We could not look, so absence proves nothing."""


class Unplaced(Unknown):
    """The subject's place is not proven."""
