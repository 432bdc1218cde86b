"""Decisions made anew after a revision, how far that has come, and webhooks."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, Text

from gis.store.types import Code, Document, RowId, Time

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("decision") as decision:
        decision.add_column(Column("round", Integer, nullable=False, server_default="0"))
        decision.add_column(Column("rerouted_at", Time))
        decision.drop_constraint("decision_once", type_="unique")
        decision.create_unique_constraint("decision_once", ["source", "case_id", "version", "round"])
    op.create_index("decision_received", "decision", ["received_at", "position"])
    op.create_table(
        "rerouting",
        Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
        Column("revision", BigInteger, nullable=False),
        Column("position", BigInteger, nullable=False),
    )
    op.create_table(
        "webhook",
        Column("row_id", RowId, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("url", Text, nullable=False),
        Column("owner", Code, nullable=False),
        Column("secret", Text, nullable=False),
        Column("made_at", Time, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("delivered", BigInteger, nullable=False),
        Column("delivered_at", Time),
        Column("failures", Integer, nullable=False),
        Column("not_before", Time, nullable=False),
        Column("error", Document),
        Column("worker", Text),
        Column("deadline", Time),
        Column("attempt", Integer, nullable=False),
    )
