"""What became of cases: outcomes, how each case stands, texts apart, erasures."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, Text, UniqueConstraint, text

from cases.backfill import fill_standings
from gis.store.types import Code, Document, RowId, Time

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "outcome",
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
    op.create_table(
        "standing",
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
    truth = "is_open IS 1" if op.get_bind().dialect.name == "sqlite" else "is_open IS true"
    for name, columns, where in (
        ("standing_place", ["class_code", "kind", "edition", "cell"], truth),
        ("standing_component", ["component"], truth),
        ("standing_returned", ["reported_at"], "returns > 0"),
    ):
        op.create_index(name, "standing", columns, sqlite_where=text(where), postgresql_where=text(where))
    op.create_table(
        "case_text",
        Column("source", Code, primary_key=True),
        Column("case_id", Code, primary_key=True),
        Column("version", BigInteger, primary_key=True, autoincrement=False),
        Column("texts", Document, nullable=False),
    )
    op.create_table(
        "erasure",
        Column("position", RowId, primary_key=True),
        Column("source", Code, nullable=False),
        Column("case_id", Code, nullable=False),
        Column("erased_at", Time, nullable=False),
        Column("author", Text, nullable=False),
        Column("reason", Text, nullable=False),
    )
    op.create_index("erasure_case", "erasure", ["source", "case_id"])
    fill_standings(op.get_bind())
