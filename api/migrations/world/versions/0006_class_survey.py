"""How components of a local class are surveyed: as which geometry, to which accuracy."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("local_class", Column("geometry_type", Text))
    op.add_column("local_class", Column("accuracy_class", Text))
