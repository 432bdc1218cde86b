"""The table of jobs, in the log: what is asked for never waits for an import."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text

from gis.store.tables import LOG
from gis.store.types import Code, Document, RowId, Time

job = Table(
    "job",
    LOG,
    Column("position", RowId, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("arguments", Document, nullable=False),
    # Who asked: the key, how it was called, and its prefix.
    Column("author", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("owner", Code, nullable=False),
    # The data folder that holds its files: only a worker that has it can run the job.
    Column("place", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("made_at", Time, nullable=False),
    Column("not_before", Time, nullable=False),
    Column("begun_at", Time),
    Column("ended_at", Time),
    # The claim: whose it is, until when without a heartbeat, and the how-manieth it is. Attempts that were given back
    # because a server stopped are counted in `released`.
    Column("worker", Text),
    Column("deadline", Time),
    Column("attempt", Integer, nullable=False),
    Column("released", Integer, nullable=False),
    # Whether the worker has begun what cannot be cancelled, and whether somebody wants it cancelled: never both.
    Column("committing", Boolean, nullable=False),
    Column("cancel_asked", Boolean, nullable=False),
    Column("result", Document),
    Column("report", Text),
    Column("file", Text),
    Column("fault", Document),
)
Index("job_state", job.c.state, job.c.not_before)
