"""Webhooks live in the log, whose events they follow."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from gis.store.tables import LOG
from gis.store.types import Code, Document, RowId, Time

# `position` is that of the last event that was delivered, or needed not be. `attempt` is what a sender shows.
webhook = Table(
    "webhook",
    LOG,
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
