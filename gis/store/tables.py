"""Tables of the store: how a versioned table is made, and the few that every store has."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, Index, Integer, MetaData, Table, Text

from gis.store.types import Code, Document, Geom, RowId, Time

# What is revisioned, and what happens. On SQLite they are two files, so nothing may refer from one to the other.
WORLD = MetaData()
LOG = MetaData()

BOX = ("west", "south", "east", "north")

counter = Table(
    "counter",
    WORLD,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("next_uid", BigInteger, nullable=False),
)

setting = Table("setting", WORLD, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

revision = Table(
    "revision",
    WORLD,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", Time, nullable=False),
    Column("effective_at", Time, nullable=False, index=True),
    Column("author", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("basis", Document),
    Column("counts", Document, nullable=False),
)

# What may be published once at most: whoever may have to try again publishes under a ticket, and looks for it first.
ticket = Table("ticket", WORLD, Column("name", Text, primary_key=True), Column("revision", BigInteger, nullable=False))


def versioned_table(name: str, *columns: Column, spatial: bool, key: tuple[str, ...] = ("owner", "code")) -> Table:  # type: ignore[type-arg]
    """A table whose rows are versions: in force from `from_revision` until before `to_revision` (null: still).

    `uid` names the thing through all its versions. `key` is unique among the rows in force. A spatial table carries
    the exact box of its geometry beside it, so that both stores refine an index's answer in the same way.
    """
    place = [*(Column(side, Float(53)) for side in BOX), Column("geom", Geom)] if spatial else []
    table = Table(
        name,
        WORLD,
        Column("row_id", RowId, primary_key=True),
        Column("uid", BigInteger, nullable=False),
        Column("owner", Code, nullable=False),
        Column("code", Code, nullable=False),
        Column("from_revision", BigInteger, nullable=False),
        Column("to_revision", BigInteger),
        *columns,
        *place,
        info={"spatial": spatial},
    )
    current = table.c.to_revision.is_(None)
    unique = [table.c[column] for column in key]
    Index(f"{name}_in_force", *unique, unique=True, sqlite_where=current, postgresql_where=current)
    Index(f"{name}_code", table.c.code)
    Index(f"{name}_uid", table.c.uid, table.c.from_revision, unique=True)
    Index(f"{name}_from", table.c.from_revision)
    Index(f"{name}_to", table.c.to_revision)
    return table


def rtree(table: Table) -> str:
    """The name of the R*Tree that SQLite keeps of the rows in force of a spatial table."""
    return f"{table.name}_rtree"
