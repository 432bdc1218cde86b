"""Tickets: what is published once at most."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table("ticket", Column("name", Text, primary_key=True), Column("revision", BigInteger, nullable=False))
