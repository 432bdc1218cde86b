"""The tables of the grid. Divisions and units own themselves: their `owner` is their code."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, Text

from gis.store.tables import versioned_table
from gis.store.types import Code, Document

division = versioned_table(
    "division",
    Column("level", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("department", Code),
    Column("attributes", Document),
    spatial=True,
)

unit = versioned_table(
    "unit",
    Column("name", Text),
    Column("area_m2", Float(53), nullable=False),
    Column("initial_date", Text),
    Column("end_date", Text),
    Column("note", Text),
    Column("attributes", Document),
    spatial=True,
)

# A hole in the coverage that must stay (a lake, a river), accepted under its name.
gap = versioned_table("gap", Column("name", Text, nullable=False), Column("note", Text), spatial=True)

area_layer = versioned_table(
    "area_layer", Column("title", Text, nullable=False), Column("overlap", Text, nullable=False), spatial=False
)

area = versioned_table(
    "area",
    Column("layer", Code, nullable=False),
    Column("name", Text),
    Column("department", Code),
    Column("priority", Integer, nullable=False),
    Column("attributes", Document),
    spatial=True,
    key=("layer", "owner", "code"),
)
Index("area_by_layer", area.c.layer, area.c.code)

department = versioned_table(
    "department",
    Column("name", Text, nullable=False),
    Column("parent", Code),
    Column("ids", Document, nullable=False),
    spatial=False,
)

# Layers that are only shown and named by: roads, buildings. `fields` are {"name", "type"} of what lies in `attributes`
# of their features, `mapping` the columns of the file that features are read from.
reference_layer = versioned_table(
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
    spatial=False,
    key=("code",),
)

reference = versioned_table(
    "reference",
    Column("layer", Code, nullable=False),
    Column("name", Text),
    Column("name_en", Text),
    Column("attributes", Document),
    spatial=True,
    key=("layer", "code"),
)
Index("reference_layer_begun", reference.c.layer, reference.c.from_revision)
Index("reference_layer_ended", reference.c.layer, reference.c.to_revision)
