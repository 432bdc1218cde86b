"""Decisions are found by their unit."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("decision_unit", "decision", ["unit", "position"])
