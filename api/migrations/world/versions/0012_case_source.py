"""Sources of cases."""

from alembic import op
from sqlalchemy import BigInteger, Column, text

from gis.store.types import Code, Document, RowId

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "case_source",
        Column("row_id", RowId, primary_key=True),
        Column("uid", BigInteger, nullable=False),
        Column("owner", Code, nullable=False),
        Column("code", Code, nullable=False),
        Column("from_revision", BigInteger, nullable=False),
        Column("to_revision", BigInteger),
        Column("document", Document, nullable=False),
    )
    current = text("to_revision IS NULL")
    op.create_index(
        "case_source_in_force", "case_source", ["code"], unique=True, sqlite_where=current, postgresql_where=current
    )
    op.create_index("case_source_code", "case_source", ["code"])
    op.create_index("case_source_uid", "case_source", ["uid", "from_revision"], unique=True)
    op.create_index("case_source_from", "case_source", ["from_revision", "row_id"])
    op.create_index("case_source_to", "case_source", ["to_revision", "row_id"])
