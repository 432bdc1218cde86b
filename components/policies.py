"""Policies: what an owner wants of components of a class. Data, kept by owner, edition and class.

They are no part of the world and not revisioned: they say how it may be changed from now on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from components.attributes import check_schema
from components.editions import normalise_edition
from components.tables import class_policy
from gis.errors import Refusal, refuse

REVIEWS = ("always", "inspectors", "never")
"""Whose changes wait for an editor: everybody's, those of inspectors (the default), nobody's."""
CODINGS = ("free", "standard")
"""Whether codes are any text (the default) or have the form of their edition."""
MEMBERS = ("review", "codes", "schema")
LONGEST = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """What is wanted of a class; what is None is left to wider policies.

    `owner` is the division whose components are meant, with those below. An empty `edition` or `class_code` means all.
    `schema` is the JSON schema of further attributes.
    """

    owner: str
    edition: str = ""
    class_code: str = ""
    review: str | None = None
    codes: str | None = None
    schema: Mapping[str, Any] | None = None

    def covers(self, owner: str, edition: str, class_code: str) -> bool:
        """Whether a component kept by `owner` is meant."""
        return owner.startswith(self.owner) and self.edition in ("", edition) and self.class_code in ("", class_code)

    @property
    def rank(self) -> tuple[int, int, int]:
        """The higher goes before: the longer owner; then a class before all of an edition, these before all."""
        return len(self.owner), bool(self.class_code), bool(self.edition)

    def as_dict(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "edition": self.edition,
            "class_code": self.class_code,
            **{name: getattr(self, name) for name in MEMBERS},
        }


DEFAULT = Policy("", review="inspectors", codes="free")


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies of a store. What holds for a component is put together member by member."""

    known: tuple[Policy, ...] = ()
    _found: dict[tuple[str, str, str], Policy] = field(default_factory=dict, compare=False, repr=False)

    def of(self, owner: str, edition: str, class_code: str) -> Policy:
        """What holds for components of a class kept by `owner`: `review` and `codes` are never None."""
        key = owner, edition, class_code
        if key not in self._found:
            meant = sorted((each for each in self.known if each.covers(*key)), key=lambda each: each.rank, reverse=True)
            told = {
                name: next((value for each in (*meant, DEFAULT) if (value := getattr(each, name)) is not None), None)
                for name in MEMBERS
            }
            self._found[key] = Policy(owner, edition, class_code, **told)
        return self._found[key]


NONE = Policies()


def read_policies(connection: Connection) -> Policies:
    """The policies of the store, by owner, edition and class."""
    table = class_policy
    rows = connection.execute(select(table).order_by(table.c.owner, table.c.edition, table.c.class_code)).mappings()
    return Policies(tuple(Policy(row["owner"], row["edition"], row["class_code"], **row["document"]) for row in rows))


def make_policy(owner: str, edition: str, class_code: str, told: Mapping[str, Any]) -> Policy:
    """A policy as somebody says it. Errors: Refusal policy_wrong, schema_wrong."""
    edition = normalise_edition(edition) if edition else ""
    if (
        not (owner == "" or (owner.isascii() and owner.isdigit()))
        or max(map(len, (owner, edition, class_code))) > LONGEST
    ):
        raise _wrong("owner", ("a division code, or empty",), ("区划代码或留空",))
    if class_code and not edition:
        raise _wrong("edition", ("given with a class",), ("与类别一同给出",))
    unknown = sorted(told.keys() - set(MEMBERS))
    if unknown:
        raise _wrong(unknown[0][:40], (f"one of {', '.join(MEMBERS)}",), (f"{'、'.join(MEMBERS)} 之一",))
    for name, allowed in (("review", REVIEWS), ("codes", CODINGS)):
        if told.get(name) not in (None, *allowed):
            raise _wrong(name, allowed, allowed)
    if told.get("schema") is not None:
        check_schema(told["schema"])
    return Policy(owner, edition, class_code, **{name: told.get(name) for name in MEMBERS})


def put_policy(connection: Connection, policy: Policy, author: str) -> None:
    """Keep a policy in the place of the one for the same owner, edition and class; one that says nothing ends it."""
    table = class_policy
    same = (
        table.c.owner == policy.owner,
        table.c.edition == policy.edition,
        table.c.class_code == policy.class_code,
    )
    connection.execute(delete(table).where(*same))
    document = {name: value for name in MEMBERS if (value := getattr(policy, name)) is not None}
    if document:
        connection.execute(
            insert(table).values(
                owner=policy.owner,
                edition=policy.edition,
                class_code=policy.class_code,
                document=document,
                author=author,
                changed_at=datetime.now(UTC),
            )
        )


def _wrong(name: str, forms: Iterable[str], forms_zh: Iterable[str]) -> Refusal:
    return refuse(
        "policy_wrong",
        f"{name} of a policy must be {' or '.join(forms)}.",
        f"管理规定中的 {name} 须为{'或'.join(forms_zh)}。",
        thing=name,
    )
