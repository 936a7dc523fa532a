"""Pauses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make their table."""
    texts = [sa.Column(name, sa.Text, nullable=False) for name in ("host", "target", "task", "source", "reason", "paused_by", "boot")]
    maybe = [sa.Column(name, sa.Double, nullable=True) for name in ("until", "length", "until_mono", "ended_at")]
    op.create_table(
        "pauses",
        sa.Column("id", _ID, primary_key=True, autoincrement=True), *texts, sa.Column("created_at", sa.Double, nullable=False), *maybe,
        sa.Column("ended", sa.Text, nullable=True), sa.Column("ended_by", sa.Text, nullable=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )  # fmt: skip
    standing = sa.text("ended_at IS NULL")
    columns = ["host", "target", "task", "source"]
    op.create_index("one_standing_pause", "pauses", columns, unique=True, sqlite_where=standing, postgresql_where=standing)
    op.create_index("ended_pauses", "pauses", ["host", "ended_at"])
