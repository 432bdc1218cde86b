"""Jobs: what is done beside the requests."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

from gis.store.types import Code, Document, RowId, Time

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "job",
        Column("position", RowId, primary_key=True),
        Column("id", Text, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("arguments", Document, nullable=False),
        Column("author", Text, nullable=False),
        Column("author_name", Text, nullable=False),
        Column("owner", Code, nullable=False),
        Column("place", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("step", Text, nullable=False),
        Column("done", BigInteger, nullable=False),
        Column("total", BigInteger),
        Column("made_at", Time, nullable=False),
        Column("not_before", Time, nullable=False),
        Column("begun_at", Time),
        Column("ended_at", Time),
        Column("worker", Text),
        Column("deadline", Time),
        Column("attempt", Integer, nullable=False),
        Column("released", Integer, nullable=False),
        Column("committing", Boolean, nullable=False),
        Column("cancel_asked", Boolean, nullable=False),
        Column("result", Document),
        Column("report", Text),
        Column("file", Text),
        Column("fault", Document),
    )
    op.create_index("job_state", "job", ["state", "not_before"])
