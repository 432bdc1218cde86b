"""Reference layers and their features."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Text, text

from gis.store.types import Code, Document, Geom, RowId

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    _versioned(
        "reference_layer",
        Column("title", Text, nullable=False),
        Column("title_en", Text, nullable=False),
        Column("geometry", Text, nullable=False),
        Column("fields", Document, nullable=False),
        Column("mapping", Document, nullable=False),
        Column("is_names", Boolean, nullable=False),
        Column("license", Text, nullable=False),
        Column("source", Text, nullable=False),
        Column("note", Text, nullable=False),
        key=("code",),
    )
    sides = [Column(side, Float(53)) for side in ("west", "south", "east", "north")]
    _versioned(
        "reference",
        Column("layer", Code, nullable=False),
        Column("name", Text),
        Column("name_en", Text),
        Column("attributes", Document),
        *sides,
        Column("geom", Geom),
        key=("layer", "code"),
    )
    op.create_index("reference_layer_begun", "reference", ["layer", "from_revision"])
    op.create_index("reference_layer_ended", "reference", ["layer", "to_revision"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE reference_rtree USING rtree(id, xmin, xmax, ymin, ymax)")
    else:
        op.execute("CREATE INDEX reference_geom ON reference USING gist (geom)")


def _versioned(name: str, *columns: Column, key: tuple[str, ...]) -> None:
    op.create_table(
        name,
        Column("row_id", RowId, primary_key=True),
        Column("uid", BigInteger, nullable=False),
        Column("owner", Code, nullable=False),
        Column("code", Code, nullable=False),
        Column("from_revision", BigInteger, nullable=False),
        Column("to_revision", BigInteger),
        *columns,
    )
    current = text("to_revision IS NULL")
    op.create_index(f"{name}_in_force", name, list(key), unique=True, sqlite_where=current, postgresql_where=current)
    op.create_index(f"{name}_code", name, ["code"])
    op.create_index(f"{name}_uid", name, ["uid", "from_revision"], unique=True)
    op.create_index(f"{name}_from", name, ["from_revision", "row_id"])
    op.create_index(f"{name}_to", name, ["to_revision", "row_id"])
