"""The registry of rasters. It is not revisioned: see docs/decisions/0021-rasters.md."""

from sqlalchemy import BigInteger, Column, Table, Text

from gis.store.tables import WORLD
from gis.store.types import Code, Document, Time

raster = Table(
    "raster",
    WORLD,
    Column("name", Code, primary_key=True),
    Column("owner", Code, nullable=False),
    Column("title", Text, nullable=False),
    Column("note", Text, nullable=False),
    # The file as it was delivered, by its name alone.
    Column("source", Text, nullable=False),
    # Of the file that is kept: SHA-256, size, and when it was last changed, in nanoseconds.
    Column("digest", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("stamp", BigInteger, nullable=False),
    Column("description", Document, nullable=False),
    Column("author", Text, nullable=False),
    Column("added_at", Time, nullable=False),
)
