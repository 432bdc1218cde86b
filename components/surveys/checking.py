"""What a rule has to say of the rows of a part, beside what an import says of them; one function a rule."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from components.catalogue import Class, ClassKey
from components.codes import FORMS, class_in
from components.inventory import Listed, list_components
from components.layers import COMPONENTS
from components.surveys.naming import Named
from components.surveys.rules import Limits
from gis.errors import Fault
from gis.geometry import place
from gis.locate import PolygonIndex
from gis.metres import Floats, Indices
from gis.tables import Table

COUNTY = 6
"""So many digits of a component's code, and of a unit's, are the county."""
_TYPES = {0: "point", 4: "point", 1: "line", 5: "line", 2: "line", 3: "polygon", 6: "polygon"}
_TYPES_ZH = {"point": "点", "line": "线", "polygon": "面"}
_FIELDS = {field.name: field for field in COMPONENTS.shown}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a delivery is held against: the classes there are, codes of departments, units and named gaps in force."""

    classes: Mapping[ClassKey, Class]
    departments: Callable[[], Collection[str]]
    units: PolygonIndex | None
    unit_codes: NDArray[Any]
    gaps: PolygonIndex | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Rows (n,) of a part in hand. `lonlat` (n, 2) is a point on each, NaN without one; `units` (n,) its unit or None,
    `grid` whether there are units at all.
    """

    table: Table
    named: Named
    listed: Listed
    lonlat: Floats
    units: NDArray[Any]
    in_gap: NDArray[np.bool_]
    ground: Ground
    limits: Limits

    def where(self, index: int) -> Mapping[str, Any] | None:
        """The place of a row, as a fault has it."""
        shape = self.listed.geometries[index]
        return None if shape is None else place(shape)

    def each(self) -> Iterator[tuple[int, int, Any, str, str]]:
        """Index, row, code (None where there is none), edition and class of every row."""
        columns = (self.table.rows, self.listed.codes, self.listed.editions, self.listed.classes)
        for index, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            yield index, *values

    def known(self, edition: str, code: str) -> Class | None:
        """A class of components."""
        return self.ground.classes.get((edition, "component", code))


def view_of(table: Table, named: Named, edition: str, ground: Ground, limits: Limits) -> View:
    """The rows as an import would read them, with the point and the unit of each."""
    listed = list_components(
        table, {}, None, named.edition or edition, named.class_code, ground.classes, ground.departments
    )
    lonlat = np.full((len(table), 2), np.nan)
    there = ~shapely.is_missing(listed.geometries)
    points = shapely.point_on_surface(listed.geometries[there])
    lonlat[there] = np.column_stack([shapely.get_x(points), shapely.get_y(points)])
    units: NDArray[Any] = np.full(len(table), None, dtype=object)
    in_gap = np.zeros(len(table), dtype=bool)
    if ground.units is not None and there.any():
        index = ground.units.lowest(lonlat[there])
        held = np.flatnonzero(there)[index >= 0]
        units[held] = ground.unit_codes[index[index >= 0]]
        if ground.gaps is not None and len(ground.gaps):
            in_gap[there] = ground.gaps.lowest(lonlat[there]) >= 0
    return View(table, named, listed, lonlat, units, in_gap, ground, limits)


def check_rows(view: View) -> list[Fault]:
    """All faults of the rows but those that only the whole delivery shows."""
    faults = [fault for fault in view.listed.faults if fault.code != "code_duplicate"]
    for find in (_classes, _forms, _places, _required, _types, _outside, _accuracies):
        faults += find(view)
    return faults


def _classes(view: View) -> Iterator[Fault]:
    for fault, index in contradictions(
        view.named, view.table.rows, view.listed.codes, view.listed.editions, view.listed.classes
    ):
        yield replace(fault, where=view.where(index))


def contradictions(
    named: Named, rows: Indices, codes: NDArray[Any], editions: NDArray[Any], classes: NDArray[Any]
) -> Iterator[tuple[Fault, int]]:
    """Rows (n,) of which field, name of the layer and code say different classes, with their index."""
    columns = (column.tolist() for column in (rows, codes, editions, classes))
    for index, (row, code, edition, of) in enumerate(zip(*columns, strict=True)):
        said: list[tuple[str, str, str]] = []
        if named.class_code is not None and (named.edition, named.class_code) != (edition, of):
            other = named.class_code if named.edition == edition else f"{named.class_code} ({named.edition})"
            said.append((other, "the name of the layer", "图层名"))
        told = class_in(code, edition)
        if told and of and told != of:
            said.append((told, "its code", "标识码"))
        for other, en, zh in said:
            fault = Fault(
                "class_contradicted",
                f"Row {row} is of class {of} ({edition}), but {en} says {other}.",
                f"第 {row} 行的类别为 {of}（{edition}），而{zh}中为 {other}。",
                row=row,
                thing=code,
            )
            yield fault, index


def _forms(view: View) -> Iterator[Fault]:
    for index, row, code, edition, _ in view.each():
        length = FORMS[edition].length if edition in FORMS else 0
        if code is not None and length and not (len(code) == length and code.isascii() and code.isdigit()):
            yield Fault(
                "code_form",
                f"Row {row}: '{code[:60]}' has not the form of a code: {length} digits in the edition {edition}.",
                f"第 {row} 行：“{code[:60]}”不符合编码规则：标准版 {edition} 为 {length} 位数字。",
                row=row,
                thing=code,
                where=view.where(index),
            )


def _places(view: View) -> Iterator[Fault]:
    """Codes of another county than that of the place."""
    for index, row, code, edition, _ in view.each():
        unit = view.units[index]
        if code is None or unit is None or edition not in FORMS or not str(unit).isdigit():
            continue
        if code[:COUNTY] != unit[:COUNTY]:
            yield Fault(
                "code_elsewhere",
                f"Row {row}: the code says county {code[:COUNTY]}, but the place is in {unit[:COUNTY]} (unit {unit}).",
                f"第 {row} 行：标识码中的区县为 {code[:COUNTY]}，而位置在 {unit[:COUNTY]}（单元网格 {unit}）。",
                row=row,
                thing=code,
                where=view.where(index),
            )


def _required(view: View) -> Iterator[Fault]:
    """Fields that are empty, or have no column at all; the code is demanded by every import."""
    taken = view.table.columns.keys()
    for name in view.limits.required:
        field = _FIELDS[name]
        if name not in taken and name != "code":
            yield Fault(
                "field_missing",
                f"There is no column for {field.en} ({name}), which is required.",
                f"缺少必填字段“{field.zh}”（{name}）。",
            )
        elif name != "code":
            values = view.listed.mapped.values[name]
            raw = view.table.columns[name].tolist()
            for row, value, given in zip(view.table.rows.tolist(), values.tolist(), raw, strict=True):
                if value is None and (given is None or str(given).strip() == ""):  # what is wrong is told as such
                    yield Fault(
                        "value_missing", f"Row {row} has no {field.en}.", f"第 {row} 行缺少{field.zh}。", row=row
                    )


def _types(view: View) -> Iterator[Fault]:
    kinds = shapely.get_type_id(view.listed.geometries)
    for index, row, code, edition, of in view.each():
        known = view.known(edition, of)
        wanted = view.limits.known_geometry(of or "", known.geometry_type if known else "")
        found = _TYPES.get(int(kinds[index]), "")
        if wanted and found and found != wanted:
            yield Fault(
                "geometry_type_differs",
                f"Row {row} is a {found}; class {of} is surveyed as a {wanted}.",
                f"第 {row} 行为{_TYPES_ZH[found]}；类别 {of} 应采集为{_TYPES_ZH[wanted]}。",
                row=row,
                thing=code,
                where=view.where(index),
            )


def _outside(view: View) -> Iterator[Fault]:
    if view.ground.units is None:
        return
    for index, row, code, _, _ in view.each():
        if view.units[index] is None and not view.in_gap[index] and not np.isnan(view.lonlat[index, 0]):
            yield Fault(
                "outside_units",
                f"Row {row} lies in no unit of the grid.",
                f"第 {row} 行不在任何单元网格内。",
                severity="warning",
                row=row,
                thing=code,
                where=view.where(index),
            )


def _accuracies(view: View) -> Iterator[Fault]:
    stated = view.listed.mapped.values["accuracy_m"]
    for index, row, code, edition, of in view.each():
        known = view.known(edition, of)
        wanted = view.limits.known_accuracy(of or "", known.accuracy_class if known else "")
        if wanted is not None and stated[index] is not None and stated[index] > wanted:
            yield Fault(
                "accuracy_exceeded",
                f"Row {row} states an accuracy of {stated[index]:g} m; class {of} demands {wanted:g} m.",
                f"第 {row} 行所填精度为 {stated[index]:g} 米；类别 {of} 要求 {wanted:g} 米。",
                row=row,
                thing=code,
                where=view.where(index),
            )
