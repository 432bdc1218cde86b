"""Drafts and their edits."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Text

from gis.store.types import Code, Document, Time

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "draft",
        Column("id", Text, primary_key=True),
        Column("owner", Code, nullable=False),
        Column("title", Text, nullable=False),
        Column("author", Text, nullable=False),
        Column("base", BigInteger, nullable=False),
        Column("state", Text, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("created_at", Time, nullable=False),
        Column("changed_at", Time, nullable=False),
        Column("revision", BigInteger),
    )
    op.create_index("draft_owner", "draft", ["owner", "created_at"])
    op.create_table(
        "draft_edit",
        Column("draft_id", Text, primary_key=True),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("document", Document, nullable=False),
        Column("author", Text, nullable=False),
        Column("made_at", Time, nullable=False),
        Column("undone", Boolean, nullable=False),
    )
