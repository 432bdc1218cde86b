"""The first tables: revisions, divisions, units, areas, departments, components, classes, rules, keys."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Float, Integer, Text, text

from gis.store.types import Code, Document, Geom, RowId, Time

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "counter",
        Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
        Column("revision", BigInteger, nullable=False),
        Column("next_uid", BigInteger, nullable=False),
    )
    op.execute("INSERT INTO counter (id, revision, next_uid) VALUES (1, 0, 1)")
    op.create_table("setting", Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
    op.create_table(
        "revision",
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("recorded_at", Time, nullable=False),
        Column("effective_at", Time, nullable=False),
        Column("author", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("basis", Document),
        Column("counts", Document, nullable=False),
    )
    op.create_index("ix_revision_effective_at", "revision", ["effective_at"])
    op.create_table(
        "access_key",
        Column("id", Text, primary_key=True),
        Column("digest", Text, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("role", Text, nullable=False),
        Column("prefix", Code, nullable=False),
        Column("created_at", Time, nullable=False),
        Column("revoked_at", Time),
    )
    _grid()
    _inventory()
    _versioned("rule", Column("document", Document, nullable=False), spatial=False)


def _grid() -> None:
    _versioned(
        "division",
        Column("level", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("department", Code),
        Column("attributes", Document),
    )
    _versioned(
        "unit",
        Column("name", Text),
        Column("area_m2", Float(53), nullable=False),
        Column("initial_date", Text),
        Column("end_date", Text),
        Column("note", Text),
        Column("attributes", Document),
    )
    _versioned("gap", Column("name", Text, nullable=False), Column("note", Text))
    _versioned(
        "area_layer", Column("title", Text, nullable=False), Column("overlap", Text, nullable=False), spatial=False
    )
    _versioned(
        "area",
        Column("layer", Code, nullable=False),
        Column("name", Text),
        Column("department", Code),
        Column("priority", Integer, nullable=False),
        Column("attributes", Document),
        key=("layer", "owner", "code"),
    )
    op.create_index("area_by_layer", "area", ["layer", "code"])
    _versioned(
        "department",
        Column("name", Text, nullable=False),
        Column("parent", Code),
        Column("ids", Document, nullable=False),
        spatial=False,
    )


def _inventory() -> None:
    _versioned(
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
    )
    _versioned(
        "local_class",
        Column("edition", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("name_zh", Text),
        Column("name_en", Text),
        Column("major_code", Code),
        Column("major_name_zh", Text),
        Column("evidence", Text),
        spatial=False,
        key=("owner", "edition", "kind", "code"),
    )


def _versioned(name: str, *columns: Column, spatial: bool = True, key: tuple[str, ...] = ("owner", "code")) -> None:
    sides = [Column(side, Float(53)) for side in ("west", "south", "east", "north")]
    op.create_table(
        name,
        Column("row_id", RowId, primary_key=True),
        Column("uid", BigInteger, nullable=False),
        Column("owner", Code, nullable=False),
        Column("code", Code, nullable=False),
        Column("from_revision", BigInteger, nullable=False),
        Column("to_revision", BigInteger),
        *columns,
        *([*sides, Column("geom", Geom)] if spatial else []),
    )
    current = text("to_revision IS NULL")
    op.create_index(f"{name}_in_force", name, list(key), unique=True, sqlite_where=current, postgresql_where=current)
    op.create_index(f"{name}_code", name, ["code"])
    op.create_index(f"{name}_uid", name, ["uid", "from_revision"], unique=True)
    op.create_index(f"{name}_from", name, ["from_revision"])
    op.create_index(f"{name}_to", name, ["to_revision"])
    if spatial and op.get_bind().dialect.name == "sqlite":
        op.execute(f"CREATE VIRTUAL TABLE {name}_rtree USING rtree(id, xmin, xmax, ymin, ymax)")
    elif spatial:
        op.execute(f"CREATE INDEX {name}_geom ON {name} USING gist (geom)")
