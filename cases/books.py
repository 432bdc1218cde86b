"""Rule books in the store: import of one owner's book, and the book of all owners at a revision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cases.rules import Rule, RuleBook, check, from_row, load_yaml, parse, to_document, to_row
from cases.tables import rule
from components.catalogue import read_classes
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Refusal, refuse
from gis.formats import read_cells
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_rows
from gis.tables import joined
from grids.departments import KEY as DEPARTMENT_KEY
from grids.profiles import CodeProfile
from grids.tables import area_layer, department, division

KEY = ("owner", "code")
SHEETS = (".csv", ".tsv", ".txt", ".xlsx")
"""Files in which a book is a table; any other is YAML."""
LOST = frozenset({"cell_error", "formula_not_computed"})
"""Faults of cells that count as empty."""


def read_book(path: Path, layer: str | None = None, encoding: str | None = None) -> Any:
    """The document in a file: YAML, JSON, or a table in CSV or a sheet (`layer`) of Excel.

    Errors: Refusal, also of every row of a table that has other cells than the heading or a cell that counts as empty
    though something stands in it: a rule that lacks a condition holds for more.
    """
    pieces = read_cells(path, layer, encoding) if path.suffix.lower() in SHEETS else None
    if pieces is None:
        return load_yaml(path)
    table = joined(list(pieces))
    wrong = [each for each in table.faults if each.severity == "error" or each.code in LOST]
    if wrong:
        raise Refusal([replace(each, severity="error") for each in wrong])
    return to_document(table)


def deliver(connection: Connection, document: object, owner: str | None, profile: CodeProfile) -> Delivery:
    """Check a rule book, as loaded from YAML or JSON: it is the whole book of its owner, so what is not in it ends."""
    base = head(connection)
    rules, faults = parse(document, owner)
    places = _places(document)
    found = check(
        rules,
        {code for _, code in rows_in_force(connection, department, base, DEPARTMENT_KEY)},
        {code for (code,) in rows_in_force(connection, area_layer, base, ("code",))},
        {level.id for level in profile.levels},
        {code for (code,) in rows_in_force(connection, division, base, ("code",))},
        read_classes(connection, EVERYTHING, base).keys(),
    )
    faults += [replace(fault, row=fault.row or places.get(fault.thing or "")) for fault in found]
    incoming: dict[Key, dict[str, Any]] = {
        (each.owner, each.code): {"owner": each.owner, "code": each.code, "document": to_row(each)} for each in rules
    }
    current = rows_in_force(connection, rule, base, KEY)
    owners = {each.owner for each in rules}
    gone = [key for key in current if key[0] in owners and key not in incoming]
    change, counts = compare(rule, current, incoming, gone)
    return Delivery(base, counts, (change,), tuple(faults))


def size(document: object) -> int:
    """How many rules a document has, whatever else is wrong with it."""
    rules = document.get("rules") if isinstance(document, Mapping) else None
    return len(rules) if isinstance(rules, list) else 0


def _places(document: object) -> dict[str, int]:
    """The position from 1 of each rule's code in the document."""
    rules = document.get("rules") if isinstance(document, Mapping) else None
    every = list(enumerate(rules if isinstance(rules, list) else (), start=1))
    return {str(each["code"]): row for row, each in reversed(every) if isinstance(each, Mapping) and "code" in each}


def read_rules(connection: Connection, scope: Scope, at: int | None = None) -> Sequence[Rule]:
    """The rules in force of the owners in scope."""
    return [from_row(row["document"]) for row in read_rows(connection, rule, Query(scope, at=at))]


def load_book(connection: Connection, at: int) -> RuleBook:
    """The compiled book of all owners at revision `at`."""
    return RuleBook.compile(read_rules(connection, EVERYTHING, at))


def drafted_book(connection: Connection, document: object, owner: str | None, profile: CodeProfile) -> RuleBook:
    """The book of all owners with this one in the place of its owner's. Errors: Refusal with its faults."""
    found = deliver(connection, document, owner, profile)
    if found.is_acceptable and not size(document):
        raise refuse(
            "rules_missing",
            "The rule book has no rules: it would take nobody's place.",
            "手册中没有规则，不替换任何归属的手册。",
        )
    if not found.is_acceptable:
        raise Refusal(found.faults)
    ended = {int(uid) for change in found.changes for uid in change.retired}
    rows = read_rows(connection, rule, Query(EVERYTHING, at=found.base))
    kept = [row["document"] for row in rows if row["uid"] not in ended]
    begun = [row["document"] for change in found.changes for row in change.created]
    return RuleBook.compile(from_row(each) for each in (*kept, *begun))
