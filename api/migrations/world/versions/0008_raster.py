"""The registry of rasters."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

from gis.store.types import Code, Document, Time

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "raster",
        Column("name", Code, primary_key=True),
        Column("owner", Code, nullable=False),
        Column("title", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("digest", Text, nullable=False),
        Column("bytes", BigInteger, nullable=False),
        Column("stamp", BigInteger, nullable=False),
        Column("description", Document, nullable=False),
        Column("author", Text, nullable=False),
        Column("added_at", Time, nullable=False),
    )
