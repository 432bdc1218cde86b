"""Lineage of uids; what a revision began or ended is read in the order of rows."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0003"
down_revision = "0002"

TABLES = ("division", "unit", "gap", "area_layer", "area", "department", "component", "local_class", "rule")


def upgrade() -> None:
    op.create_table(
        "lineage",
        Column("revision", BigInteger, primary_key=True, autoincrement=False),
        Column("from_uid", BigInteger, primary_key=True, autoincrement=False),
        Column("to_uid", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, nullable=False),
    )
    op.create_index("lineage_from", "lineage", ["from_uid", "revision"])
    op.create_index("lineage_to", "lineage", ["to_uid", "revision"])
    for table in TABLES:
        for side in ("from", "to"):
            op.drop_index(f"{table}_{side}", table)
            op.create_index(f"{table}_{side}", table, [f"{side}_revision", "row_id"])
