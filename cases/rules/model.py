"""Rules of a rule book (指挥手册): which class of case goes to which body, and on what basis."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from cases.rules.windows import Window, from_members, to_members

EVERYWHERE: Final = ""
"""The owner of rules that hold in every division."""

TARGET_KINDS: Final = ("department", "area", "division", "component")
COMPONENT_ROLES: Final = ("owner", "maintainer", "supervisor")
CASE_KINDS: Final = ("component", "matter")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a rule sends a case. `kind` says how `value` leads to a department:

    - department: the code of a fixed body
    - area: a layer; the department of the area of that layer which holds the point
    - division: a level; the department of the division of that level which holds the point
    - component: owner | maintainer | supervisor of the component that the case means
    """

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Basis:
    """The decree, contract or ruling that a rule rests on (依据)."""

    text: str | None = None
    document: str | None = None
    number: str | None = None
    date: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a rule book. A member that is None asks nothing of the case; those given must all hold.

    `owner` is a division code ("" everywhere) and must begin the place's code, as must `place`. The class is named
    exactly (`class_code`) or by `class_prefix`, never both. The point must lie in an area of `area_layer`, in the very
    one with code `area` if given. The case must have been reported within `when`. `to` holds at least one target, best
    first. `supervisor` is the department that supervises the handling; it is carried through to the answer.
    """

    owner: str
    code: str
    to: tuple[Target, ...]
    name: str | None = None
    edition: str | None = None
    kind: str | None = None
    class_code: str | None = None
    class_prefix: str | None = None
    condition: str | None = None
    place: str | None = None
    area_layer: str | None = None
    area: str | None = None
    priority: int = 0
    fallback: bool = False
    basis: Basis | None = None
    time_limit: str | None = None
    when: Window | None = None
    supervisor: str | None = None

    @property
    def rank(self) -> tuple[int, ...]:
        """Rules are tried from the smallest rank up; equal ranks by code in byte order.

        Longest owner, highest priority, exact class before longer prefix before none, longer place, very area before
        any area of the layer before none, and then whatever else the rule names: time window, condition, edition, kind.
        """
        whole, prefix = self.class_code is not None, self.class_prefix or ""
        return (
            -len(self.owner),
            -self.priority,
            0 if whole else 1,
            -len(prefix),
            -len(self.place or ""),
            -sum(part is not None for part in (self.area_layer, self.area)),
            self.when is None,
            self.condition is None,
            self.edition is None,
            self.kind is None,
        )


def to_row(rule: Rule) -> dict[str, Any]:
    """The rule as plain JSON members for storage; members that say nothing are left out. `from_row` reads it back."""
    row: dict[str, Any] = {
        field.name: value
        for field in fields(rule)
        if (value := getattr(rule, field.name)) is not None and field.name not in ("to", "basis", "when")
    }
    row["to"] = [{target.kind: target.value} for target in rule.to]
    if rule.basis is not None:
        row["basis"] = {key: value for key, value in asdict(rule.basis).items() if value is not None}
    if rule.when is not None:
        row["when"] = to_members(rule.when)
    return row


def written(rule: Rule) -> dict[str, Any]:
    """The rule as a rule book has it: `cases.rules.parse` reads it back."""
    names = {"class_code": "class"}
    return {names.get(key, key): value for key, value in to_row(rule).items() if value is not False and value != ""}


def from_row(row: Mapping[str, Any]) -> Rule:
    """The rule that `to_row` wrote. Trusts the row: what people write goes through `cases.rules.parse`."""
    members = dict(row)
    members["to"] = tuple(Target(kind, value) for target in row["to"] for kind, value in target.items())
    if row.get("basis") is not None:
        members["basis"] = Basis(**row["basis"])
    if row.get("when") is not None:
        members["when"] = from_members(row["when"])
    return Rule(**members)
