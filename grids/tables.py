"""The tables of the grid. Divisions and units own themselves: their `owner` is their code."""

from sqlalchemy import Column, Float, Index, Integer, Text

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
