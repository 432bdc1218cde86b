"""Checks of what is there: at a revision, or as a draft would have it.

The named checks over the grid; over rows of other layers what an import asks of a row, against what holds beside it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, select

from api.editing.drafted_rows import drafted_columns, drafted_layer, drafted_layers
from api.editing.inventory_checks import NEEDED, Inventory, check_inventory
from api.editing.rule_checks import check_rules
from api.keys import list_keys
from api.layers import AREA_LAYERS, RULES
from api.transfer.exports import feature_table
from components.catalogue import read_classes
from components.editions import CURRENT
from components.inventory import read_components
from components.layers import COMPONENTS
from components.policies import read_policies
from gis.errors import Fault, refuse
from gis.layer import Layer
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Columns
from gis.tables import Table
from grids import checks
from grids.areas import read_areas
from grids.departments import check_departments, read_departments
from grids.divisions import check_divisions
from grids.drafts.sketch import Sketch
from grids.layers import DEPARTMENTS, DIVISIONS, GAPS, UNITS
from grids.tables import unit

CHECKABLE = ("units", "divisions", "areas", "areas.NAME", "departments", "components", "rules")
Progress = Callable[[float], None]


@dataclass(frozen=True)
class State:
    """The world as edits leave it on a revision, seen through a scope; `keys` says whether keys may be named."""

    connection: Connection
    sketch: Sketch
    scope: Scope = EVERYTHING
    keys: bool = False

    @classmethod
    def of(cls, connection: Connection, at: int, scope: Scope = EVERYTHING, keys: bool = False) -> "State":
        """The state of a revision."""
        return cls(connection, Sketch.begin(connection, at), scope, keys)

    def columns(self, layer: Layer, *names: str) -> Columns:
        """The named columns of a layer's rows within scope."""
        return drafted_columns(self.connection, self.sketch, layer, self.scope, None, names)

    def table(self, layer: Layer, columns: Columns) -> Table:
        """Rows as a file would bring them, without the owner."""
        made = feature_table(layer, columns)
        return replace(made, columns={name: each for name, each in made.columns.items() if name != "owner"})

    def whole(self, layer: Layer) -> Columns:
        """All columns of a layer's rows that a file has."""
        return self.columns(layer, "owner", *(each.name for each in layer.fields), *_geometry(layer))

    def codes(self, layer: Layer) -> set[str]:
        """The codes of a layer's rows, in scope or not."""
        found = drafted_columns(self.connection, self.sketch, layer, EVERYTHING, None, ("code",))
        return set(found["code"].tolist())

    @cached_property
    def departments(self) -> set[str]:
        """The codes of the departments."""
        return self.codes(DEPARTMENTS)

    @cached_property
    def areas(self) -> list[Layer]:
        """The layers of areas."""
        return [each for each in drafted_layers(self.connection, self.sketch, self.scope) if each.table == "area"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in how many rows. `members` are the faults as JSON members, those of findings with what to do."""

    rows: int
    faults: tuple[Fault, ...]
    members: tuple[dict[str, Any], ...] = field(default=())

    @classmethod
    def of(cls, rows: int, faults: Sequence[Fault]) -> "Checked":
        """Of faults without further members; the rows are those of no file, so none is named."""
        told = tuple(_rowless(each) for each in faults)
        return cls(rows, told, tuple(each.as_dict() for each in told))

    def __add__(self, other: "Checked") -> "Checked":
        return Checked(self.rows + other.rows, self.faults + other.faults, self.members + other.members)


def check_layer(state: State, layer_id: str, told: Progress = lambda share: None) -> Checked:
    """What is wrong with a layer, errors first; `told` hears the share that is done. Errors: Refusal layer_unknown."""
    check_named(layer_id)
    told(0.0)
    if layer_id == "units":
        found = _of_grid(grid_subject(state), told)
    elif layer_id == "areas":
        found = Checked(0, ())
        for number, layer in enumerate(state.areas, 1):
            found += _check_areas(state, layer)
            told(number / len(state.areas))
    elif layer_id.startswith("areas."):
        found = _check_areas(state, drafted_layer(state.connection, state.sketch, layer_id, state.scope))
    else:
        found = CHECKS[layer_id](state)
    told(1.0)
    return _worst_first(found)


def check_named(layer_id: str) -> None:
    """Errors: Refusal layer_unknown for what has no checks; whether a layer of areas is there it does not say."""
    if layer_id not in (*CHECKS, "units", "areas") and not layer_id.startswith("areas."):
        shown = layer_id[:60]
        raise refuse(
            "layer_unknown",
            f"There are no checks of {shown}; there are of {', '.join(CHECKABLE)}.",
            f"图层 {shown} 没有检查项；可检查：{'、'.join(CHECKABLE)}。",
            kind="missing",
        )


def grid_subject(state: State) -> checks.Subject:
    """All that the named checks look at."""
    profile = state.sketch.ground.profile
    units = state.columns(UNITS, "uid", "code", "geom")
    gaps = state.columns(GAPS, "uid", "name", "geom")
    divisions = state.columns(DIVISIONS, "uid", "code")
    retired, recoded = _given_before(state, units, profile.levels[-1].length if profile.levels else 0)
    return checks.Subject(
        checks.Units.of(units["uid"], units["code"], units["geom"]),
        checks.Gaps.of(gaps["uid"], gaps["name"], gaps["geom"]),
        checks.Divisions.of(divisions["uid"], divisions["code"]),
        areas=_all_areas(state),
        components=_places(state.columns(COMPONENTS, "class_code", "geom")),
        references=tuple(_references(state)),
        departments=state.departments,
        retired=retired,
        recoded=recoded,
        profile=profile,
        targets=checks.Targets.of_profile(profile),
    )


def _of_grid(subject: checks.Subject, told: Progress) -> Checked:
    findings = checks.run(subject, progress=told).findings
    return Checked(
        len(subject.units.uids),
        tuple(each.fault for each in findings),
        tuple(checks.as_dict(each) for each in findings),
    )


def _places(things: Columns) -> checks.Components:
    there = ~shapely.is_missing(things["geom"]) & ~shapely.is_empty(things["geom"])
    places = shapely.point_on_surface(things["geom"][there])
    return checks.Components(shapely.get_coordinates(places), things["class_code"][there])


def _all_areas(state: State) -> checks.Areas:
    names = ("uid", "code", "department", "geom")
    parts = [(layer.id.partition(".")[2], state.columns(layer, *names)) for layer in state.areas]
    layers = [name for name, part in parts for _ in part["code"]]
    uids, codes, departments, shapes = (
        np.concatenate([np.empty(0, dtype=object), *(part[name] for _, part in parts)]) for name in names
    )
    return checks.Areas.of(uids, layers, codes, departments, shapes)


def _references(state: State) -> list[checks.Reference]:
    """What holds for a prefix: rules and, where they may be named, keys."""
    rules = state.columns(RULES, "uid", "code", "owner", "document")
    found = [
        checks.Reference("rules", code, prefix, uid)
        for uid, code, owner, document in zip(*rules.values(), strict=True)
        for prefix in sorted({owner, document.get("place") or owner} - {""})
    ]
    if state.keys:
        in_use = (each for each in list_keys(state.connection) if each.revoked_at is None and each.prefix)
        found += [checks.Reference("keys", each.id, each.prefix) for each in in_use]
    return found


def _given_before(state: State, units: Columns, length: int) -> tuple[dict[str, int], set[str]]:
    """The codes of units that other uids had, with the uid; the communities in which a unit got another code."""
    now = dict(zip(units["uid"].tolist(), units["code"].tolist(), strict=True))
    holders = {code: uid for uid, code in now.items()}
    over = select(unit.c.code, unit.c.uid).where(unit.c.to_revision <= state.sketch.at)
    former = {(code, uid) for code, uid in state.connection.execute(over)}
    former |= {(each.code, each.uid) for each in state.sketch.edit.ended if each.layer == "units"}
    own = {code for code, uid in former if holders.get(code) == uid}
    retired = {code: uid for code, uid in former if code in holders and code not in own}
    return retired, {now[uid][:length] for code, uid in former if now.get(uid, code) != code}


def _check_areas(state: State, layer: Layer) -> Checked:
    """Rows of areas as an import reads them; those that name no department are told too."""
    columns, name = state.whole(layer), layer.id.partition(".")[2]
    declared = state.columns(AREA_LAYERS, "owner", "code", "overlap")
    overlap = {owner: how for owner, code, how in zip(*declared.values(), strict=True) if code == name}
    faults: list[Fault] = []
    for owner, part in _by_owner(columns):
        how = overlap.get(owner, "none")
        faults += read_areas(state.table(layer, part), owner, name, how, {}, None, lambda: state.departments)[1]
    nobody = np.array([not each for each in columns["department"]], dtype=bool)
    ids = state.columns(layer, "uid", "code", "department", "geom")
    silent = checks.Areas.of(
        ids["uid"][nobody], [name] * int(nobody.sum()), *(ids[each][nobody] for each in ("code", "department", "geom"))
    )
    findings = checks.run(checks.Subject(areas=silent), only=("area_without_department",)).findings
    found = Checked.of(len(columns["code"]), faults)
    return found + Checked(0, tuple(each.fault for each in findings), tuple(checks.as_dict(each) for each in findings))


def _check_divisions(state: State) -> Checked:
    shapeless = replace(DIVISIONS, geometry="none")
    columns = state.whole(shapeless)
    table = state.table(shapeless, columns)
    faults = check_divisions(table, state.sketch.ground.profile)
    faults += check_departments(lambda: state.departments, columns["department"], table.rows)
    return Checked.of(len(table), faults)


def _check_departments(state: State) -> Checked:
    everyone = drafted_columns(state.connection, state.sketch, DEPARTMENTS, EVERYTHING, None, ("code", "parent"))
    known = dict(zip(everyone["code"], everyone["parent"], strict=True))
    columns = state.whole(DEPARTMENTS)
    faults: list[Fault] = []
    for owner, part in _by_owner(columns):
        faults += read_departments(state.table(DEPARTMENTS, part), owner, {}, known)[1]
    return Checked.of(len(columns["code"]), faults)


def _check_components(state: State) -> Checked:
    columns = state.whole(COMPONENTS)
    classes = read_classes(state.connection, EVERYTHING, state.sketch.at)
    policies = read_policies(state.connection)
    faults: list[Fault] = []
    for owner, part in _by_owner(columns):
        table = state.table(COMPONENTS, part)
        faults += read_components(table, owner, {}, None, CURRENT, None, classes, lambda: state.departments, policies)[
            1
        ]
    units = drafted_columns(state.connection, state.sketch, UNITS, EVERYTHING, None, ("code", "geom"))
    faults += check_inventory(Inventory(state.columns(COMPONENTS, *NEEDED), units, state.sketch.ground.profile))
    return Checked.of(len(columns["code"]), faults)


def _check_rules(state: State) -> Checked:
    """The rules as a book has them, against all that they name and on the ground where they hold."""
    return Checked.of(*check_rules(state))


CHECKS: Mapping[str, Callable[[State], Checked]] = {
    "divisions": _check_divisions,
    "departments": _check_departments,
    "components": _check_components,
    "rules": _check_rules,
}


def _rowless(fault: Fault) -> Fault:
    en, zh = fault.en.removeprefix(f"Row {fault.row}: "), fault.zh.removeprefix(f"第 {fault.row} 行：")
    return replace(fault, en=en, zh=zh, row=None)


def _by_owner(columns: Columns) -> list[tuple[str, Columns]]:
    owners = columns["owner"]
    parts = ((owner, owners == owner) for owner in sorted(set(owners.tolist())))
    return [(owner, {name: column[kept] for name, column in columns.items()}) for owner, kept in parts]


def _geometry(layer: Layer) -> tuple[str, ...]:
    return () if layer.geometry == "none" else ("geom",)


def _worst_first(found: Checked) -> Checked:
    rank = {"error": 0, "warning": 1, "note": 2}
    order = sorted(range(len(found.faults)), key=lambda at: rank[found.faults[at].severity])
    return replace(
        found,
        faults=tuple(found.faults[at] for at in order),
        members=tuple(found.members[at] for at in order),
    )
