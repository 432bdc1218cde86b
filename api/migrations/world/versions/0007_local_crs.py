"""Local coordinate systems."""

from alembic import op
from sqlalchemy import Column, Text

from gis.store.types import Document, Time

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "local_crs",
        Column("key", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("secret", Document, nullable=False),
        Column("told", Document, nullable=False),
        Column("created_at", Time, nullable=False),
    )
