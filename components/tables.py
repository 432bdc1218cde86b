"""The tables of the inventory. `owner` is the division that keeps a row; the owning body is `owner_code`."""

from sqlalchemy import Column, Float, Text

from gis.store.tables import versioned_table
from gis.store.types import Code, Document

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
