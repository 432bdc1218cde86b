"""The rows that imports bring to drafts."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "draft_delivery",
        Column("digest", Text, primary_key=True),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("draft_id", Text, nullable=False),
        Column("content", LargeBinary, nullable=False),
    )
    op.create_index("draft_delivery_draft", "draft_delivery", ["draft_id"])
