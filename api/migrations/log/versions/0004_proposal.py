"""Proposals of inspectors."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

from gis.store.types import Code, Document, RowId, Time

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "proposal",
        Column("position", RowId, primary_key=True),
        Column("id", Text, nullable=False, unique=True),
        Column("state", Text, nullable=False),
        Column("deed", Text, nullable=False),
        Column("owner", Code, nullable=False),
        Column("unit", Code),
        Column("code", Code),
        Column("edition", Text, nullable=False),
        Column("class_code", Code, nullable=False),
        Column("uid", BigInteger),
        Column("version", BigInteger),
        Column("document", Document, nullable=False),
        Column("place", Document),
        Column("reason", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("author_name", Text, nullable=False),
        Column("made_at", Time, nullable=False),
        Column("decided_by", Text),
        Column("decided_at", Time),
        Column("answer", Text),
        Column("revision", BigInteger),
    )
    op.create_index("proposal_state", "proposal", ["state", "position"])
    op.create_index("proposal_unit", "proposal", ["unit", "position"])
