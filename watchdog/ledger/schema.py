"""The tables. They grow by expand/contract: a migration adds, a later release removes what nobody reads any more.

Each migration says in ``oldest_reader`` the oldest schema whose programs may go on reading after it (itself, when it says nothing: then
it contracts). That stands in ``schema_window`` beside the version, for programs that are older than the migration: see ``window``.

All times are UNIX seconds except ``leases.expires_at`` (see leases.py). Values that nobody searches by are JSON text, pure ASCII. Rows
belong to the ``host`` that wrote them; objects, leases and their fence are common to all hosts that share the database (rule 5).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    false,
    literal_column,
)

VERSION_TABLE = "watchdog_schema"
HEAD = "0003"

IN_FLIGHT = ("intended", "acting", "settling")
UNFINISHED = (*IN_FLIGHT, "in_doubt")
STANDING = ("waiting", "approved")

metadata = MetaData()


class CleanText(TypeDecorator[str]):
    """Text that any database takes: names from outside may hold NUL (PostgreSQL refuses it) or lone surrogates (no UTF-8)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return ``value`` as it can be stored and compared."""
        del dialect
        return value if value is None or (value.isascii() and "\0" not in value) else clean(value)


def clean(text: str) -> str:
    """Given any text, return it with NUL and lone surrogates written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")


_Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", _Id, primary_key=True, autoincrement=True)


def _key(name: str) -> Column[str]:
    return Column(name, CleanText, primary_key=True)


def _text(name: str) -> Column[str]:
    return Column(name, CleanText, nullable=False)


def _maybe(name: str) -> Column[str]:
    return Column(name, CleanText, nullable=True)


def _time(name: str) -> Column[float]:
    return Column(name, Double, nullable=False)


def _maybe_time(name: str) -> Column[float]:
    return Column(name, Double, nullable=True)


def _whole(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _table(name: str, *columns: Any) -> Table:
    # without AUTOINCREMENT, SQLite hands out the id of a removed row again
    return Table(name, metadata, *columns, sqlite_autoincrement=any(c.name == "id" and c.type is _Id for c in columns))


episodes = _table(
    "episodes",
    _id(), _text("host"), _text("target"), _text("drift_key"), _maybe("object_key"), _text("drift"), _text("evidence_key"),
    _time("first_seen"), _time("last_seen"), _whole("looks"), _time("looks_since"), _maybe_time("opened_at"), _maybe_time("closed_at"),
    _maybe_time("blind_since"), Column("baseline", Boolean, nullable=False, server_default=false()),
    _maybe_time("ignored_until"), _maybe("ignore_reason"), _whole("version"),
)  # fmt: skip
_still_open = episodes.c.closed_at.is_(None)
Index("one_open_episode", episodes.c.host, episodes.c.drift_key, unique=True, sqlite_where=_still_open, postgresql_where=_still_open)
Index("open_episodes", episodes.c.host, episodes.c.target, sqlite_where=_still_open, postgresql_where=_still_open)
Index("closed_episodes", episodes.c.host, episodes.c.closed_at)

memories = _table("memories", _key("host"), _key("target"), _text("memory"), _time("at"))
baselines = _table("baselines", _key("host"), _key("target"), _text("state"), _time("at"))

ignores = _table(
    "ignores", _id(), _text("host"), _text("pattern"), _text("reason"), _maybe_time("until"), _text("ignored_by"), _time("created_at")
)
ignore_evidence = _table(
    "ignore_evidence",
    Column("ignore_id", _Id, ForeignKey("ignores.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _key("drift_key"), _text("evidence_key"),
)  # fmt: skip

repairs = _table(
    "repairs",
    _id(), _text("host"), _text("target"), _text("object_key"), _text("object"), _text("remedy"), _text("parameters"), _text("facts"),
    _text("risk"), _text("state"), _text("drift_keys"), _text("requested_by"), _time("intended_at"), _maybe_time("acted_at"),
    _maybe_time("outcome_at"), _maybe_time("verdict_at"), _maybe("outcome"), _text("message"), _whole("fence"), _whole("version"),
)  # fmt: skip
# literal values: an index cannot hold bound parameters
_in_flight = repairs.c.state.in_([literal_column(f"'{state}'") for state in IN_FLIGHT])
Index("one_repair_in_flight", repairs.c.object_key, unique=True, sqlite_where=_in_flight, postgresql_where=_in_flight)
Index("repairs_of_target", repairs.c.target, repairs.c.intended_at)
Index("repairs_in_state", repairs.c.host, repairs.c.state)

repair_steps = _table(
    "repair_steps",
    Column("repair_id", _Id, ForeignKey("repairs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False), _text("step"), _time("at"),
)  # fmt: skip
repair_totals = _table(
    "repair_totals", _key("host"), _key("panel"), _key("target"), _key("remedy"), _key("result"), _whole("repairs")
)  # fmt: skip

objects = _table(
    "objects",
    _key("object_key"), _text("target"), _text("object"), _whole("attempts"), _whole("unverified"), _maybe_time("last_attempt_at"),
    _maybe_time("last_verified_at"), _maybe_time("not_before"),
)  # fmt: skip
Index("objects_of_target", objects.c.target)
object_remedies = _table("object_remedies", _key("object_key"), _key("remedy"), _time("last_at"))

approvals = _table(
    "approvals",
    _key("id"), _text("host"), _text("binding"), _text("target"), _text("remedy"), _text("object"), _text("parameters"),
    _text("drift_keys"), _text("risk"), _text("describes"), _text("state"), _time("requested_at"), _maybe_time("decided_at"),
    _maybe("decided_by"), _maybe_time("expires_at"), _whole("version"),
)  # fmt: skip
_standing = approvals.c.state.in_([literal_column(f"'{state}'") for state in STANDING])
Index("one_standing_approval", approvals.c.host, approvals.c.binding, unique=True, sqlite_where=_standing, postgresql_where=_standing)

fence = _table("fence", Column("id", Integer, primary_key=True, autoincrement=False), _whole("number"))
leases = _table("leases", _key("object"), _text("holder"), _whole("number"), _time("expires_at"), _text("epoch"))

holdings = _table(
    "holdings",
    _id(), _text("host"), _text("target"), _text("what"), _text("object_key"), _text("object"), _text("undo"), _text("parameters"),
    _time("created_at"), _maybe_time("expires_at"), _maybe_time("released_at"),
)  # fmt: skip
_held = holdings.c.released_at.is_(None)
Index(
    "one_live_holding",
    holdings.c.host, holdings.c.target, holdings.c.object_key, holdings.c.what,
    unique=True, sqlite_where=_held, postgresql_where=_held,
)  # fmt: skip

pauses = _table(
    "pauses",
    _id(), _text("host"), _text("target"), _text("task"), _text("source"), _text("reason"), _text("paused_by"), _text("boot"),
    _time("created_at"), _maybe_time("until"), _maybe_time("length"), _maybe_time("until_mono"), _maybe_time("ended_at"),
    _maybe("ended"), _maybe("ended_by"), _whole("version"),
)  # fmt: skip
_standing_pause = pauses.c.ended_at.is_(None)
Index(
    "one_standing_pause",
    pauses.c.host, pauses.c.target, pauses.c.task, pauses.c.source,
    unique=True, sqlite_where=_standing_pause, postgresql_where=_standing_pause,
)  # fmt: skip
Index("ended_pauses", pauses.c.host, pauses.c.ended_at)

outbox = _table(
    "outbox",
    _id(), _text("host"), _text("channel"), _text("event"), _text("severity"), _text("target"), _text("subject"), _text("occasion"),
    _text("title"), _text("body"), _text("state"), _text("holder"), _text("batch"), _text("reason"), _time("created_at"),
    _time("not_before"), _maybe_time("claimed_at"), _maybe_time("ended_at"), _whole("folded"), _whole("attempts"), _whole("version"),
)  # fmt: skip
Index("one_letter_per_occasion", outbox.c.host, outbox.c.channel, outbox.c.occasion, unique=True)
Index("letters_in_state", outbox.c.host, outbox.c.channel, outbox.c.state)
Index("letters_of_subject", outbox.c.host, outbox.c.channel, outbox.c.subject)

schema_window = _table("watchdog_schema_window", _key("head"), _text("oldest_reader"))

tallies = _table("tallies", _key("host"), _key("family"), _key("key"), Column("count", Double, nullable=False))
tally_marks = _table("tally_marks", _key("host"), _key("family"), _text("mark"))
# device and inode are unsigned 64 bit numbers, more than either database's integer holds
offsets = _table(
    "offsets", _key("host"), _key("source"), _text("device"), _text("inode"), _whole("position"), _time("covered_from"), _text("head")
)
verifications = _table("verifications", _key("host"), _key("key"), _text("result"))
