"""What owners want of components of a class."""

from alembic import op
from sqlalchemy import Column, Text

from gis.store.types import Code, Document, Time

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "class_policy",
        Column("owner", Code, primary_key=True),
        Column("edition", Text, primary_key=True),
        Column("class_code", Code, primary_key=True),
        Column("document", Document, nullable=False),
        Column("author", Text, nullable=False),
        Column("changed_at", Time, nullable=False),
    )
