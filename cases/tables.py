"""Rules and sources are revisioned like the grid; decisions are a log that only grows."""

from sqlalchemy import BigInteger, Column, Index, Table, Text, UniqueConstraint

from gis.store.tables import LOG, versioned_table
from gis.store.types import Code, Document, RowId, Time

rule = versioned_table("rule", Column("document", Document, nullable=False), spatial=False)

# What cases take from their source where they say nothing; the code is the source's name, one in the whole store.
case_source = versioned_table("case_source", Column("document", Document, nullable=False), spatial=False, key=("code",))

# One decision for each version of a case that a caller sent, in the order of arrival.
decision = Table(
    "decision",
    LOG,
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
Index("decision_unit", decision.c.unit, decision.c.position)
Index("decision_department", decision.c.department, decision.c.position)
