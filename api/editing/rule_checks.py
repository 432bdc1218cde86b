"""The rule book looked at as a whole: against what it names, for whom it leaves without a department, and where."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from api.editing.drafted_rows import drafted_columns
from api.layers import AREA_LAYERS, RULES
from cases.rules import Rule, RuleBook, check, departments_named, from_row, parse, written
from cases.rules.ground import AreaShapes, Ground
from cases.rules.totality import find_holes, tell_holes
from components.catalogue import read_classes
from gis.errors import Fault
from gis.layer import Layer
from gis.store.scope import EVERYTHING
from gis.store.versions import Columns
from grids.features import AREAS
from grids.layers import DEPARTMENTS, DIVISIONS, UNITS
from grids.successors import find_fates

if TYPE_CHECKING:
    from api.editing.checks import State

DECIDING = frozenset({"rules", "departments", "divisions", "area_layers", "catalogue"})
"""The layers, beside areas, of which a change can leave a class without a department."""


def check_rules(state: "State") -> tuple[int, list[Fault]]:
    """How many rules in scope there are, and what is wrong with them, each with a point where it matters."""
    rules = [from_row(each) for each in _columns(state, RULES, "document")["document"]]
    classes = read_classes(state.connection, EVERYTHING, state.sketch.at)
    departments = _by_code(_columns(state, DEPARTMENTS, "code", "name", "ids"))
    faults = parse({"rules": [written(each) for each in rules]})[1] if rules else []
    faults += check(
        rules,
        departments.keys(),
        state.codes(AREA_LAYERS),
        {level.id for level in state.sketch.ground.profile.levels},
        state.codes(DIVISIONS),
        classes.keys(),
        find_fates(state.connection, departments_named(rules), state.sketch.at, departments),
    )
    seen = [each for each in rules if state.scope.allows_owner(each.owner)]
    if not rules:
        return 0, faults
    ground = ground_of(state, departments)
    faults = [_placed(each, seen, ground) for each in faults if _is_seen(each, rules, state)]
    faults += tell_holes(find_holes(RuleBook.compile(rules), ground, classes), ground)
    return len(seen), faults


def check_drafted(state: "State") -> list[Fault]:
    """What is wrong with the rules as a draft leaves them; nothing where it touches nothing that they rest on."""
    touched = {each.layer for each in (*state.sketch.edit.ended, *state.sketch.edit.begun)}
    if not any(each in DECIDING or each.startswith(AREAS) for each in touched):
        return []
    return check_rules(state)[1]


def ground_of(state: "State", departments: Mapping[str, Any]) -> Ground:
    """The units in scope, and all that may hold them."""
    units = state.columns(UNITS, "code", "geom")
    divisions = _columns(state, DIVISIONS, "code", "department")
    names = ("code", "owner", "department", "geom")
    areas = {}
    for layer in state.areas:
        columns = _columns(state, layer, *names)
        areas[layer.id.partition(".")[2]] = AreaShapes(*(columns[name] for name in names))
    return Ground(
        state.sketch.ground.profile,
        units["code"],
        np.asarray(units["geom"], dtype=object),
        dict(zip(divisions["code"].tolist(), divisions["department"].tolist(), strict=True)),
        areas,
        departments.keys(),
    )


def _columns(state: "State", layer: Layer, *names: str) -> Columns:
    return drafted_columns(state.connection, state.sketch, layer, EVERYTHING, None, names)


def _by_code(columns: Columns) -> dict[str, dict[str, Any]]:
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return {row["code"]: row for row in rows}


def _is_seen(fault: Fault, rules: list[Rule], state: "State") -> bool:
    """Whether a fault is about a rule, or an owner, that the caller may see."""
    owners = {rule.owner for rule in rules if rule.code == fault.thing} or {fault.thing or ""}
    return any(state.scope.allows_owner(owner) for owner in owners)


def _placed(fault: Fault, rules: list[Rule], ground: Ground) -> Fault:
    """The fault with a point at which its rule holds, or at which its owner's rules do."""
    rule = next((each for each in rules if each.code == fault.thing), None)
    if rule is None and fault.code == "no_catch_all":
        rule = Rule(fault.thing or "", "", ())
    where = None if rule is None or fault.where is not None else ground.example(rule)
    return fault if where is None else replace(fault, where=where)
