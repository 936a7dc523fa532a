"""The outbox of notifications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make its table."""
    names = ("host", "channel", "event", "severity", "target", "subject", "occasion", "title", "body", "state", "holder", "batch", "reason")
    texts = [sa.Column(name, sa.Text, nullable=False) for name in names]
    times = [sa.Column(name, sa.Double, nullable=False) for name in ("created_at", "not_before")]
    maybe = [sa.Column(name, sa.Double, nullable=True) for name in ("claimed_at", "ended_at")]
    wholes = [sa.Column(name, sa.BigInteger, nullable=False) for name in ("folded", "attempts", "version")]
    op.create_table(
        "outbox", sa.Column("id", _ID, primary_key=True, autoincrement=True), *texts, *times, *maybe, *wholes, sqlite_autoincrement=True
    )  # fmt: skip
    op.create_index("one_letter_per_occasion", "outbox", ["host", "channel", "occasion"], unique=True)
    op.create_index("letters_in_state", "outbox", ["host", "channel", "state"])
    op.create_index("letters_of_subject", "outbox", ["host", "channel", "subject"])
