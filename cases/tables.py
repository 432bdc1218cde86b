"""Rules and sources are revisioned like the grid; decisions and what became of them are logs that only grow."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    FromClause,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    and_,
    exists,
    or_,
    select,
)

from gis.store.tables import LOG, versioned_table
from gis.store.types import Code, Document, RowId, Time

rule = versioned_table("rule", Column("document", Document, nullable=False), spatial=False)

# What cases take from their source where they say nothing; the code is the source's name, one in the whole store.
case_source = versioned_table("case_source", Column("document", Document, nullable=False), spatial=False, key=("code",))

# One decision for each version of a case that a caller sent, in the order of arrival; and where a revision has changed
# the answer to an open case, one more (`round` 1, 2 …) of the same report, made at `rerouted_at`.
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
    Column("round", Integer, nullable=False, server_default="0"),
    Column("rerouted_at", Time),
    UniqueConstraint("source", "case_id", "version", "round", name="decision_once"),
)
Index("decision_unit", decision.c.unit, decision.c.position)
Index("decision_department", decision.c.department, decision.c.position)
Index("decision_received", decision.c.received_at, decision.c.position)

# The list of hand-offs of a case, as each report of it said it; the one of the highest number counts.
outcome = Table(
    "outcome",
    LOG,
    Column("position", RowId, primary_key=True),
    Column("source", Code, nullable=False),
    Column("case_id", Code, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("received_at", Time, nullable=False),
    Column("author", Text, nullable=False),
    Column("hand_offs", Document, nullable=False),
    UniqueConstraint("source", "case_id", "number", name="outcome_once"),
)

# How each case stands now, made of its newest decision and its newest outcome: what searches and sums look at. A place
# is null where the report's position cannot be read. `cell` is that of `cases.standing.cells`.
standing = Table(
    "standing",
    LOG,
    Column("source", Code, primary_key=True),
    Column("case_id", Code, primary_key=True),
    Column("decision", BigInteger, nullable=False),
    Column("reported_at", Time, nullable=False),
    Column("edition", Code),
    Column("kind", Text),
    Column("class_code", Code),
    Column("component", Code),
    Column("lon", Float(53)),
    Column("lat", Float(53)),
    Column("accuracy_m", Float(53)),
    Column("cell", BigInteger),
    Column("unit", Code),
    Column("department", Code),
    Column("is_open", Boolean, nullable=False),
    Column("outcome", BigInteger),
    Column("state", Text, nullable=False),
    Column("first", Code),
    Column("handler", Code),
    Column("returns", Integer, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("reworks", Integer, nullable=False),
    Column("days_lost", Float(53), nullable=False),
)
_open = standing.c.is_open.is_(True)
_class = (standing.c.class_code, standing.c.kind, standing.c.edition)
Index("standing_place", *_class, standing.c.cell, sqlite_where=_open, postgresql_where=_open)
Index("standing_component", standing.c.component, sqlite_where=_open, postgresql_where=_open)
_back = standing.c.returns > 0
Index("standing_returned", standing.c.reported_at, sqlite_where=_back, postgresql_where=_back)

# What callers said in words of a version of a case, apart from what was decided, so that it can be erased.
case_text = Table(
    "case_text",
    LOG,
    Column("source", Code, primary_key=True),
    Column("case_id", Code, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("texts", Document, nullable=False),
)

# That the texts of a case were erased: when, by whom, why.
erasure = Table(
    "erasure",
    LOG,
    Column("position", RowId, primary_key=True),
    Column("source", Code, nullable=False),
    Column("case_id", Code, nullable=False),
    Column("erased_at", Time, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
Index("erasure_case", erasure.c.source, erasure.c.case_id)

# Up to which revision open cases were routed anew; decisions up to `position` were looked at.
rerouting = Table(
    "rerouting",
    LOG,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
)


def goes_before(later: FromClause) -> ColumnElement[bool]:
    """Whether a row of `later`, an alias of the log, is a newer decision on the case of a row of `decision`."""
    same = and_(later.c.source == decision.c.source, later.c.case_id == decision.c.case_id)
    anew = and_(later.c.version == decision.c.version, later.c.round > decision.c.round)
    return and_(same, or_(later.c.version > decision.c.version, anew))


def still_open() -> ColumnElement[bool]:
    """Whether the case of a row of `decision` is neither closed nor void."""
    same = and_(standing.c.source == decision.c.source, standing.c.case_id == decision.c.case_id)
    return exists(select(standing.c.source).where(same, standing.c.is_open.is_(True)))
