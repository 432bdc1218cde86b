"""The tables of the inventory. `owner` is the division that keeps a row; the owning body is `owner_code`."""

from sqlalchemy import BigInteger, Column, Float, Index, Table, Text

from gis.store.tables import LOG, WORLD, versioned_table
from gis.store.types import Code, Document, RowId, Time

component = versioned_table(
    "component",
    Column("edition", Text, nullable=False),
    Column("class_code", Code, nullable=False),
    Column("name", Text),
    Column("state", Text),
    Column("supervisor_code", Code),
    Column("supervisor_name", Text),
    Column("owner_code", Code),
    Column("owner_name", Text),
    Column("maintainer_code", Code),
    Column("maintainer_name", Text),
    Column("initial_date", Text),
    Column("change_date", Text),
    Column("source", Text),
    Column("accuracy_m", Float(53)),
    Column("note", Text),
    Column("attributes", Document),
    spatial=True,
)

# Classes that an owner adds to the built-in catalogue.
local_class = versioned_table(
    "local_class",
    Column("edition", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name_zh", Text),
    Column("name_en", Text),
    Column("major_code", Code),
    Column("major_name_zh", Text),
    Column("evidence", Text),
    Column("geometry_type", Text),
    Column("accuracy_class", Text),
    spatial=False,
    key=("owner", "edition", "kind", "code"),
)

# What an owner wants of components of a class: an empty edition or class means all. Not revisioned.
class_policy = Table(
    "class_policy",
    WORLD,
    Column("owner", Code, primary_key=True),
    Column("edition", Text, primary_key=True),
    Column("class_code", Code, primary_key=True),
    Column("document", Document, nullable=False),
    Column("author", Text, nullable=False),
    Column("changed_at", Time, nullable=False),
)

# Changes that wait for an editor. They happen, so they are in the log: making one waits for no publication. That one
# was accepted is told by its ticket in the world, which is written with the revision.
proposal = Table(
    "proposal",
    LOG,
    Column("position", RowId, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("deed", Text, nullable=False),
    Column("owner", Code, nullable=False),
    Column("unit", Code),
    Column("code", Code),
    Column("edition", Text, nullable=False),
    Column("class_code", Code, nullable=False),
    # The component as it was looked at: its uid and the revision that made its version; null for a new one.
    Column("uid", BigInteger),
    Column("version", BigInteger),
    Column("document", Document, nullable=False),
    Column("place", Document),
    Column("reason", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("author_name", Text, nullable=False),
    Column("made_at", Time, nullable=False),
    Column("decided_by", Text),
    Column("decided_at", Time),
    Column("answer", Text),
    Column("revision", BigInteger),
)
Index("proposal_state", proposal.c.state, proposal.c.position)
Index("proposal_unit", proposal.c.unit, proposal.c.position)
