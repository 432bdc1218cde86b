"""Drafts as they are worked on. They are no part of the world: what they come to is published as a revision."""

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text

from gis.store.tables import WORLD
from gis.store.types import Code, Document, Time

draft = Table(
    "draft",
    WORLD,
    Column("id", Text, primary_key=True),
    Column("owner", Code, nullable=False),
    Column("title", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("base", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("changed_at", Time, nullable=False),
    Column("revision", BigInteger),
)
Index("draft_owner", draft.c.owner, draft.c.created_at)

# `position` is the version of the draft that the edit made: it grows, and is never given twice.
draft_edit = Table(
    "draft_edit",
    WORLD,
    Column("draft_id", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("document", Document, nullable=False),
    Column("author", Text, nullable=False),
    Column("made_at", Time, nullable=False),
    Column("undone", Boolean, nullable=False),
)

# What an import brings to a draft, some thousand rows a piece: an edit names it by its digest. It may be large, so it
# lies beside the edits and is read only where the draft is worked out.
draft_delivery = Table(
    "draft_delivery",
    WORLD,
    Column("digest", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("draft_id", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
Index("draft_delivery_draft", draft_delivery.c.draft_id)
