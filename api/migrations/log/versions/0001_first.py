"""The log of decisions."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text, UniqueConstraint

from gis.store.types import Code, Document, RowId, Time

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "decision",
        Column("position", RowId, primary_key=True),
        Column("source", Code, nullable=False),
        Column("case_id", Code, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("digest", Text, nullable=False),
        Column("received_at", Time, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("unit", Code),
        Column("department", Code),
        Column("advice", Text, nullable=False),
        Column("report", Document, nullable=False),
        Column("routing", Document, nullable=False),
        UniqueConstraint("source", "case_id", "version", name="decision_once"),
    )
    op.create_index("decision_department", "decision", ["department", "position"])
