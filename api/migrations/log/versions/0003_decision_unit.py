"""Decisions are found by their unit."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("decision_unit", "decision", ["unit", "position"])
