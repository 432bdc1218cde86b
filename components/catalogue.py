"""The catalogue of classes: the national editions ship with the product, cities add classes of their own."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from components.editions import normalise_edition
from components.layers import CATALOGUE
from components.tables import local_class
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.intake import map_fields
from gis.store.revisions import head
from gis.store.scope import Scope
from gis.store.versions import Query, read_rows
from gis.tables import Table

KEY = ("owner", "edition", "kind", "code")
KINDS = ("component", "matter")
GEOMETRIES = ("point", "line", "polygon")
ACCURACIES: Mapping[str, float] = {"A": 0.5, "B": 1.0, "C": 10.0}
"""Accuracy class of a survey -> metres."""
TEXTS = (
    *("name_zh", "name_en", "major_code", "major_name_zh", "evidence"),
    *("geometry_type", "accuracy_class"),
)
ClassKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Class:
    """A class of components or matters, identified by (edition, kind, code). `evidence` says how well it is known.

    `geometry_type` (point, line, polygon) and `accuracy_class` (A, B, C) are how it is surveyed, empty where it is not
    known: of the national classes no source at hand says it. `owner` is the division whose own class it is.
    """

    edition: str
    kind: str
    code: str
    name_zh: str
    name_en: str
    major_code: str
    major_name_zh: str
    evidence: str
    geometry_type: str = ""
    accuracy_class: str = ""
    owner: str = ""

    @property
    def key(self) -> ClassKey:
        return (self.edition, self.kind, self.code)


@cache
def built_in() -> tuple[Class, ...]:
    """The classes of both national editions, as far as they are known; `evidence` travels with each."""
    with files("components").joinpath("data/catalogue.csv").open(encoding="utf-8") as lines:
        return tuple(Class(**{**row, "edition": normalise_edition(row["edition"])}) for row in csv.DictReader(lines))


def local_classes(connection: Connection, scope: Scope, at: int | None = None) -> list[Class]:
    """The classes that owners in scope have added, the longest owner last."""
    rows = read_rows(connection, local_class, Query(scope, at=at))
    found = [
        Class(row["edition"], row["kind"], row["code"], **{name: row[name] or "" for name in TEXTS}, owner=row["owner"])
        for row in rows
    ]
    return sorted(found, key=lambda each: (len(each.owner), each.owner, each.key))


def list_classes(connection: Connection, scope: Scope, at: int | None = None) -> list[Class]:
    """All classes, by edition (the newest first), kind, code and owner; a code may be the class of several owners."""
    classes = [*built_in(), *local_classes(connection, scope, at)]
    classes.sort(key=lambda each: (each.kind, each.code, each.owner))
    return sorted(classes, key=lambda each: each.edition, reverse=True)


def read_classes(
    connection: Connection, scope: Scope, at: int | None = None, owner: str | None = None
) -> dict[ClassKey, Class]:
    """All classes by their key: the built-in ones and the local ones in scope, of several owners' the longest one's.

    With `owner` only the local ones of owners above or below it.
    """
    classes = {known.key: known for known in built_in()}
    for local in local_classes(connection, scope, at):
        if owner is None or local.owner.startswith(owner) or owner.startswith(local.owner):
            classes[local.key] = local
    return classes


@dataclass(frozen=True, slots=True)
class Major:
    """A major class: its code and name in an edition, and how many classes it has."""

    edition: str
    kind: str
    code: str
    name_zh: str
    count: int


def majors_of(classes: Iterable[Class]) -> list[Major]:
    """The major classes of these classes, in the order in which they come."""
    found: dict[tuple[str, str, str], tuple[str, int]] = {}
    for each in classes:
        key = (each.edition, each.kind, each.major_code)
        name, count = found.get(key, ("", 0))
        found[key] = (name or each.major_name_zh, count + 1)
    return [Major(*key, name, count) for key, (name, count) in found.items() if key[2] or name]


def deliver(connection: Connection, table: Table, owner: str, mapping: Mapping[str, str]) -> Delivery:
    """Check a delivery of local classes; those not in it stay."""
    base = head(connection)
    mapped = map_fields(table, CATALOGUE.fields, mapping)
    values, faults = mapped.values, list(mapped.faults)
    national = {known.key for known in built_in()}
    incoming: dict[Key, dict[str, Any]] = {}
    for index, row in enumerate(table.rows.tolist()):
        fields = {name: column[index] for name, column in values.items()}
        if None in (fields["edition"], fields["kind"], fields["code"]):
            continue
        fields["edition"] = normalise_edition(fields["edition"])
        key = (owner, fields["edition"], fields["kind"], fields["code"])
        if fields["kind"] not in KINDS:
            faults.append(_kind(fields["kind"], row))
        elif key in incoming or key[1:] in national:
            faults.append(_taken(fields["code"], row, national=key[1:] in national))
        else:
            faults += _survey(fields, row)
            incoming[key] = {"owner": owner, **fields}
    change, counts = compare(local_class, rows_in_force(connection, local_class, base, KEY), incoming)
    return Delivery(base, counts, (change,), tuple(faults))


def check_classes(
    classes: Mapping[ClassKey, Class],
    editions: NDArray[Any],
    codes: NDArray[Any],
    rows: NDArray[np.int64],
) -> list[Fault]:
    """A fault for every component whose class its edition does not have."""
    return [
        Fault(
            "class_unknown",
            f"Row {row}: the edition {edition} has no component class {code}.",
            f"第 {row} 行：标准版 {edition} 中没有部件类别 {code}。",
            row=int(row),
            thing=str(code),
        )
        for edition, code, row in zip(editions, codes, rows, strict=True)
        if code is not None and (edition, "component", code) not in classes
    ]


def _survey(fields: dict[str, Any], row: int) -> list[Fault]:
    """Settle how a class is surveyed, and what is wrong with it."""
    faults = []
    for name, zh, allowed, settle in (
        ("geometry_type", "几何类型", GEOMETRIES, str.lower),
        ("accuracy_class", "精度等级", tuple(ACCURACIES), str.upper),
    ):
        given = fields[name]
        fields[name] = given and settle(given)
        if given and fields[name] not in allowed:
            faults.append(
                Fault(
                    "value_wrong",
                    f"Row {row}: {name} is {', '.join(allowed)} or nothing, not '{given[:60]}'.",
                    f"第 {row} 行：{zh}只能是 {'、'.join(allowed)} 或留空，现为“{given[:60]}”。",
                    row=row,
                )
            )
    return faults


def _kind(kind: str, row: int) -> Fault:
    return Fault(
        "kind_unknown",
        f"Row {row}: a class is of the kind component or matter, not '{kind}'.",
        f"第 {row} 行：种类只能是 component（部件）或 matter（事项），不能是“{kind}”。",
        row=row,
    )


def _taken(code: str, row: int, national: bool) -> Fault:
    whose, whose_zh = ("the national edition", "国家标准") if national else ("an earlier row", "前面的行")
    return Fault(
        "code_duplicate",
        f"Row {row}: the class {code} is already taken by {whose}.",
        f"第 {row} 行：类别 {code} 已被{whose_zh}使用。",
        row=row,
        thing=code,
    )
