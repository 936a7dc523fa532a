"""A real process on a ledger: ``python -m tests.ledger.child ROLE JSON``. It speaks one JSON line at a time on standard output.

Roles: ``start`` opens it when a line arrives on standard input; ``freeze`` migrates and stops for ever before a given statement, for the
parent to kill it there; ``write`` writes until it is killed; ``fight`` takes leases against others; ``look`` looks beside others; ``hold``
takes one lease and says later whether it still has it; ``claim`` moves one repair against others.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from tests.ledger.things import TARGET, intended, key, planned, seen
from watchdog.errors import LedgerUnavailable
from watchdog.ledger.open import Ledger, open_ledger
from watchdog.ledger.preparing import MIGRATIONS
from watchdog.ledger.schema import HEAD
from watchdog.ledger.settings import LedgerSettings
from watchdog.model.repairs import RepairState
from watchdog.runtime.clock import SystemClock


def say(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


def opened(given: dict[str, Any]) -> Ledger:
    return open_ledger(
        LedgerSettings.model_validate({"url": given["url"], "ephemeral": True, **given.get("settings", {})}), SystemClock(),
        migrate=given.get("migrate", True), host=given.get("host", "test-host"),
        migrations=Path(given.get("migrations") or MIGRATIONS), head=given.get("head") or HEAD,
    )  # fmt: skip


def start(given: dict[str, Any]) -> None:
    say(ready=True)
    sys.stdin.readline()
    try:
        book = opened(given)
        book.check()
    except LedgerUnavailable as error:
        say(error=str(error))
        return
    say(opened=True, migrated="alembic" in sys.modules)


def freeze(given: dict[str, Any]) -> None:
    """Stop before the statement whose text holds ``at`` (for the ``nth`` time), before COMMIT, or before the copy gets its name."""
    at, left = given["at"], given.get("nth", 1)

    def stop() -> None:
        say(frozen=at)
        while True:
            time.sleep(60)

    def before(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        nonlocal left
        if at in statement:
            left -= 1
            if left == 0:
                stop()

    if at == "COMMIT":
        event.listen(Engine, "commit", lambda connection: stop() if "alembic" in sys.modules else None)
    elif at == "COPY":
        Path.replace = lambda *_: stop()  # type: ignore[method-assign,assignment,return-value]
    else:
        event.listen(Engine, "before_cursor_execute", before)
    opened(given)
    say(done=True)


def write(given: dict[str, Any]) -> None:
    """Write looks and repairs; say each thing only after it is committed."""
    book = opened(given)
    for number in range(1_000_000):
        now = 1000.0 + number
        names = [f"{number}-{each}" for each in range(8)]
        book.observe(TARGET, seen(*names, number=number), now, baseline=False)
        say(observed=number)
        record = intended(book, f"repair-{number}", now)
        say(intended=record.id)
        for state in (RepairState.ACTING, RepairState.SETTLING, RepairState.VERIFIED):
            moved = book.move(record, state, now)
            assert moved is not None
            record = moved
            say(id=record.id, state=state.value)
        book.tallies.add("family", {("a",): 1.0, ("b",): 1.0}, str(number))
        say(added=number + 1)


def fight(given: dict[str, Any]) -> None:
    """Take, hold and give back the same lease again and again; say when it was surely ours, by the host's CLOCK_BOOTTIME."""
    book, holder, dice = opened(given), given["holder"], random.Random(given["seed"])
    say(ready=True)
    sys.stdin.readline()
    until, won = time.monotonic() + given["seconds"], 0
    while time.monotonic() < until or (not won and time.monotonic() < until + 100):
        last = time.clock_gettime(time.CLOCK_BOOTTIME)
        lease = book.lease(key(), holder, given["lease"])
        if lease is None:
            time.sleep(0.005)
            continue
        # a process may be halted here until its lease is over: from now on only an answer of `remaining` proves that it holds
        since = time.clock_gettime(time.CLOCK_BOOTTIME)
        hold = dice.choice([0.0, 0.01, 0.03, given["lease"] * 1.5])
        while time.clock_gettime(time.CLOCK_BOOTTIME) - since < hold:
            asked = time.clock_gettime(time.CLOCK_BOOTTIME)
            if book.remaining(lease) <= 0:
                break
            last = asked
            time.sleep(0.002)
        say(number=lease.number, holder=holder, since=since, last=last)
        won += 1
        if dice.random() < 0.7:
            book.release(lease)
    say(over=True)


def look(given: dict[str, Any]) -> None:
    """Look at one target again and again, beside others who do: what was read first must still stand when it is written."""
    book = opened(given)
    say(ready=True)
    sys.stdin.readline()
    for _ in range(given["looks"]):
        book.observe(TARGET, seen("a", "b"), 1.0, baseline=False)
    say(over=True)


def hold(given: dict[str, Any]) -> None:
    """Take a lease; when a line arrives, say whether it is still ours."""
    book = opened(given)
    lease = book.lease(key(), given["holder"], given["lease"])
    assert lease is not None
    record = book.intend(planned(), lease, "policy", 1.0)
    say(number=lease.number)
    sys.stdin.readline()
    say(remaining=book.remaining(lease), renewed=book.renew(lease, 60.0), moved=book.move(record, RepairState.ACTING, 2.0) is not None)


def claim(given: dict[str, Any]) -> None:
    """Move the one repair in the ledger through as many doubts and back as can be; say each move that was ours."""
    book = opened(given)
    say(ready=True)
    sys.stdin.readline()
    won = 0
    while True:
        (record,) = book.repairs()
        if record.version >= given["moves"]:
            break
        to = RepairState.SETTLING if record.state is RepairState.IN_DOUBT else RepairState.IN_DOUBT
        if book.move(record, to, 1.0) is not None:
            won += 1
    say(won=won)


if __name__ == "__main__":
    {"start": start, "freeze": freeze, "write": write, "fight": fight, "look": look, "hold": hold, "claim": claim}[sys.argv[1]](
        json.loads(sys.argv[2])
    )
