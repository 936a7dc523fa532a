"""The first tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _columns(kind: Callable[[], Any], names: str, *, primary_key: bool = False, nullable: bool = False) -> list[Any]:
    return [sa.Column(name, kind(), primary_key=primary_key, nullable=nullable) for name in names.split()]


def _keys(names: str) -> list[Any]:
    return _columns(sa.Text, names, primary_key=True)


def _texts(names: str, *, nullable: bool = False) -> list[Any]:
    return _columns(sa.Text, names, nullable=nullable)


def _times(names: str, *, nullable: bool = False) -> list[Any]:
    return _columns(sa.Double, names, nullable=nullable)


def _wholes(names: str) -> list[Any]:
    return _columns(sa.BigInteger, names)


def _numbered(name: str, *columns: Any) -> None:
    op.create_table(name, sa.Column("id", _ID, primary_key=True, autoincrement=True), *columns, sqlite_autoincrement=True)


def _unique_where(name: str, table: str, columns: str, where: str) -> None:
    op.create_index(name, table, columns.split(), unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    """Make all of them."""
    _drifts()
    _ignores()
    _repairs()
    _objects()
    _approvals()
    _leases_and_holdings()
    _keeping()


def _drifts() -> None:
    _numbered(
        "episodes",
        *_texts("host target drift_key"), *_texts("object_key", nullable=True), *_texts("drift evidence_key"),
        *_times("first_seen last_seen"), *_wholes("looks"), *_times("looks_since"),
        *_times("opened_at closed_at blind_since", nullable=True),
        sa.Column("baseline", sa.Boolean, nullable=False, server_default=sa.false()),
        *_times("ignored_until", nullable=True), *_texts("ignore_reason", nullable=True), *_wholes("version"),
    )  # fmt: skip
    _unique_where("one_open_episode", "episodes", "host drift_key", "closed_at IS NULL")
    where = sa.text("closed_at IS NULL")
    op.create_index("open_episodes", "episodes", ["host", "target"], sqlite_where=where, postgresql_where=where)
    op.create_index("closed_episodes", "episodes", ["host", "closed_at"])
    op.create_table("memories", *_keys("host target"), *_texts("memory"), *_times("at"))
    op.create_table("baselines", *_keys("host target"), *_texts("state"), *_times("at"))


def _ignores() -> None:
    _numbered(
        "ignores", *_texts("host pattern reason"), *_times("until", nullable=True), *_texts("ignored_by"), *_times("created_at")
    )  # fmt: skip
    owner = sa.ForeignKey("ignores.id", ondelete="CASCADE")
    op.create_table(
        "ignore_evidence",
        sa.Column("ignore_id", _ID, owner, primary_key=True, autoincrement=False), *_keys("drift_key"), *_texts("evidence_key"),
    )  # fmt: skip


def _repairs() -> None:
    _numbered(
        "repairs",
        *_texts("host target object_key object remedy parameters facts risk state drift_keys requested_by"), *_times("intended_at"),
        *_times("acted_at outcome_at verdict_at", nullable=True), *_texts("outcome", nullable=True), *_texts("message"),
        *_wholes("fence version"),
    )  # fmt: skip
    _unique_where("one_repair_in_flight", "repairs", "object_key", "state IN ('intended', 'acting', 'settling')")
    op.create_index("repairs_of_target", "repairs", ["target", "intended_at"])
    op.create_index("repairs_in_state", "repairs", ["host", "state"])
    owner = sa.ForeignKey("repairs.id", ondelete="CASCADE")
    op.create_table(
        "repair_steps",
        sa.Column("repair_id", _ID, owner, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *_texts("step"), *_times("at"),
    )  # fmt: skip
    op.create_table("repair_totals", *_keys("host panel target remedy result"), *_wholes("repairs"))


def _objects() -> None:
    op.create_table(
        "objects",
        *_keys("object_key"), *_texts("target object"), *_wholes("attempts unverified"),
        *_times("last_attempt_at last_verified_at not_before", nullable=True),
    )  # fmt: skip
    op.create_index("objects_of_target", "objects", ["target"])
    op.create_table("object_remedies", *_keys("object_key remedy"), *_times("last_at"))


def _approvals() -> None:
    op.create_table(
        "approvals",
        *_keys("id"), *_texts("host binding target remedy object parameters drift_keys risk describes state"), *_times("requested_at"),
        *_times("decided_at", nullable=True), *_texts("decided_by", nullable=True), *_times("expires_at", nullable=True),
        *_wholes("version"),
    )  # fmt: skip
    _unique_where("one_standing_approval", "approvals", "host binding", "state IN ('waiting', 'approved')")


def _leases_and_holdings() -> None:
    number = sa.Column("id", sa.Integer, primary_key=True, autoincrement=False)
    op.bulk_insert(op.create_table("fence", number, *_wholes("number")), [{"id": 1, "number": 0}])
    op.create_table("leases", *_keys("object"), *_texts("holder"), *_wholes("number"), *_times("expires_at"), *_texts("epoch"))
    _numbered(
        "holdings",
        *_texts("host target what object_key object undo parameters"), *_times("created_at"),
        *_times("expires_at released_at", nullable=True),
    )  # fmt: skip
    _unique_where("one_live_holding", "holdings", "host target object_key what", "released_at IS NULL")


def _keeping() -> None:
    op.create_table("tallies", *_keys("host family key"), *_times("count"))
    op.create_table("tally_marks", *_keys("host family"), *_texts("mark"))
    op.create_table(
        "offsets", *_keys("host source"), *_texts("device inode"), *_wholes("position"), *_times("covered_from"), *_texts("head")
    )  # fmt: skip
    op.create_table("verifications", *_keys("host key"), *_texts("result"))
