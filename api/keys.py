"""Keys of callers: kept as hashes, each with a role within a prefix."""

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, Table, Text, insert, select, update

from gis.errors import refuse
from gis.store.scope import Scope
from gis.store.tables import WORLD
from gis.store.types import Code, Time

# Each role may do what those before it may.
ROLES = ("viewer", "inspector", "editor", "publisher", "admin")

access_key = Table(
    "access_key",
    WORLD,
    Column("id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("prefix", Code, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("revoked_at", Time),
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret."""

    id: str
    name: str
    role: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None = None

    def may(self, role: str, owner: str | None = None) -> bool:
        """Whether this key has at least `role`, and that over `owner`, where the deed concerns one."""
        within = owner is None or owner.startswith(self.prefix)
        return ROLES.index(self.role) >= ROLES.index(role) and within

    @property
    def scope(self) -> Scope:
        return Scope((self.prefix,))


# Who calls from this machine while no key exists yet.
LOCAL = Key("local", "this machine", "admin", "", datetime(2026, 1, 1, tzinfo=UTC))

OPERATOR = "operator"
"""The id of whoever works on the store itself, from the command line; no key has it."""


def operator(name: str) -> Key:
    """Somebody at the command line, who may do everything: the store lies open to them."""
    return Key(OPERATOR, name, "admin", "", LOCAL.created_at)


def create_key(connection: Connection, name: str, role: str, prefix: str) -> tuple[Key, str]:
    """A new key and its secret, which nobody can read again. Errors: Refusal role_unknown."""
    if role not in ROLES:
        raise refuse(
            "role_unknown",
            f"'{role}' is no role; the roles are {', '.join(ROLES)}.",
            f"没有角色“{role}”；可用角色：{'、'.join(ROLES)}。",
        )
    secret = f"wg_{secrets.token_urlsafe(32)}"
    key = Key(secrets.token_hex(4), name, role, prefix, datetime.now(UTC))
    fields = {field: getattr(key, field) for field in ("id", "name", "role", "prefix", "created_at")}
    connection.execute(insert(access_key).values(digest=_digest(secret), **fields))
    return key, secret


def list_keys(connection: Connection) -> Iterator[Key]:
    """All keys, the revoked ones too, oldest first."""
    columns = [access_key.c[field] for field in Key.__slots__]
    for row in connection.execute(select(*columns).order_by(access_key.c.created_at)).mappings():
        yield Key(**row)


def find_key(connection: Connection, secret: str) -> Key | None:
    """The key of this secret, unless it was revoked."""
    columns = [access_key.c[field] for field in Key.__slots__]
    chosen = select(*columns).where(access_key.c.digest == _digest(secret), access_key.c.revoked_at.is_(None))
    row = connection.execute(chosen).mappings().first()
    return None if row is None else Key(**row)


def key_of_id(connection: Connection, key_id: str) -> Key | None:
    """The key of this id, unless it was revoked."""
    columns = [access_key.c[field] for field in Key.__slots__]
    chosen = select(*columns).where(access_key.c.id == key_id, access_key.c.revoked_at.is_(None))
    row = connection.execute(chosen).mappings().first()
    return None if row is None else Key(**row)


def revoke_key(connection: Connection, key_id: str) -> None:
    """End a key. Errors: Refusal key_unknown (missing)."""
    open_key = (access_key.c.id == key_id, access_key.c.revoked_at.is_(None))
    if connection.execute(update(access_key).where(*open_key).values(revoked_at=datetime.now(UTC))).rowcount == 0:
        raise refuse(
            "key_unknown", f"There is no key {key_id} in use.", f"没有正在使用的密钥 {key_id}。", kind="missing"
        )


def has_keys(connection: Connection) -> bool:
    """Whether any key is in use: without one only this machine may call."""
    in_use = select(access_key.c.id).where(access_key.c.revoked_at.is_(None)).limit(1)
    return connection.execute(in_use).first() is not None


def _digest(secret: str) -> str:
    # The secret has 256 random bits: a plain hash cannot be searched, and a slow one would cost every request.
    return hashlib.sha256(secret.encode()).hexdigest()
