"""Reference layers: roads, buildings, places: shown, and named by, and never edited.

A delivery is the whole layer. What has no code of its own is numbered by its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from gis.crs import CrsLike
from gis.delivery import Delivery, Key, compare, rows_in_force
from gis.errors import Fault
from gis.geometry import prepare
from gis.intake import map_fields, read_code
from gis.layer import FieldType, GeometryType
from gis.store.revisions import Change, head
from gis.tables import Table
from grids.codes import check_codes
from grids.layers import CODE, NAME, NAME_EN
from grids.tables import reference, reference_layer

FIELDS = (replace(CODE, required=False, aliases=()), NAME, NAME_EN)
CODES = ("code", "编码", "代码", "id", "osm_id", "objectid")
"""Heads under which files bring a code; taken when every row has another one."""
TAKEN = frozenset({"code", "name", "name_en", "owner", "layer", "uid", "geometry", "geom"})
"""Names that mean something else in answers: an attribute called so gets another one."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is said of a reference layer beside its features.

    `mapping` are the columns of `code`, `name` and `name_en` where they are named, and under `fields` a list of the
    columns that are kept, where not all are.
    """

    name: str
    owner: str = ""
    title: str = ""
    title_en: str = ""
    is_names: bool = False
    license: str = ""
    source: str = ""
    note: str = ""
    mapping: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Declaration":
        """What a row of `reference_layer` says."""
        same = ("owner", "title", "title_en", "is_names", "license", "source", "note", "mapping")
        return cls(row["code"], **{name: row[name] for name in same})


@dataclass(frozen=True, slots=True)
class Features:
    """The features of a delivery by (layer, code), the fields of their attributes, their kind, and what is wrong."""

    rows: Mapping[Key, Mapping[str, Any]]
    fields: Sequence[Mapping[str, str]]
    geometry: GeometryType
    faults: Sequence[Fault]


def deliver(connection: Connection, table: Table, declaration: Declaration, crs: CrsLike | None) -> Delivery:
    """Check a delivery of a reference layer: all that the layer is to hold, with what is said of it."""
    base, name = head(connection), declaration.name
    features = read_features(table, declaration, crs)
    current = rows_in_force(connection, reference, base, ("layer", "code"), {"layer": name})
    gone = [key for key in current if key not in features.rows]
    change, counts = compare(reference, current, features.rows, gone)
    declared = rows_in_force(connection, reference_layer, base, ("code",), {"code": name})
    row = {
        "owner": declaration.owner,
        "code": name,
        "title": declaration.title or name,
        "title_en": declaration.title_en or declaration.title or name,
        "geometry": features.geometry,
        "fields": list(features.fields),
        "mapping": dict(declaration.mapping),
        "is_names": declaration.is_names,
        "license": declaration.license,
        "source": declaration.source,
        "note": declaration.note,
    }
    layer_change, _ = compare(reference_layer, declared, {(name,): row})
    return Delivery(base, counts, (layer_change, change), tuple(features.faults))


def withdraw(connection: Connection, name: str) -> tuple[int, tuple[Change, ...]]:
    """What ends a reference layer with all its features, and the revision that this was seen at."""
    base = head(connection)
    changes = []
    for table, where in ((reference_layer, {"code": name}), (reference, {"layer": name})):
        rows = rows_in_force(connection, table, base, ("code",), where)
        changes.append(Change(table, np.array([row["uid"] for row in rows.values()], dtype=np.int64), ()))
    return base, tuple(changes)


def read_features(table: Table, declaration: Declaration, crs: CrsLike | None) -> Features:
    """The features of a table. Faults: those of geometry, columns and codes, codes_numbered."""
    named = {name: str(column) for name, column in declaration.mapping.items() if name != "fields"}
    faults: list[Fault] = []
    table = _with_code(table, named, declaration.owner, faults)
    mapped = map_fields(table, FIELDS, named)
    geometries, found = prepare(table, crs, "any")
    faults += [*mapped.faults, *found]
    good = check_codes(mapped.values["code"], table.rows, geometries, bool, ("any text", "任意文本"), faults)
    good = good[[geometries[index] is not None for index in good]] if len(good) else good
    extra, fields, missing = _attributes([mapped.extra[index] for index in good], declaration, list(table.columns))
    rows: dict[Key, dict[str, Any]] = {}
    for index, attributes in zip(good.tolist(), extra, strict=True):
        code = mapped.values["code"][index]
        rows[declaration.name, code] = {
            "owner": declaration.owner,
            "code": code,
            "layer": declaration.name,
            "name": mapped.values["name"][index],
            "name_en": mapped.values["name_en"][index],
            "attributes": attributes or None,
            "geom": geometries[index],
        }
    return Features(rows, fields, _kind(geometries[good]), [*faults, *missing])


def _with_code(table: Table, named: Mapping[str, str], owner: str, faults: list[Fault]) -> Table:
    """The table with a column `code` where none is named, and without the owner that an export writes."""
    columns = dict(table.columns)
    if "owner" in columns and {str(each or "") for each in columns["owner"].tolist()} <= {owner}:
        del columns["owner"]
    if "code" in named:
        return replace(table, columns=columns)
    heads = {head.strip().lower(): head for head in reversed(columns)}
    for found in (heads[each] for each in CODES if each in heads):
        codes = _codes(columns[found].tolist())
        if codes is not None:
            if found != "code":
                del columns[found]
            return replace(table, columns={**columns, "code": codes})
    if "code" in columns:
        columns["code_"] = columns.pop("code")
    faults.append(_numbered())
    numbers = np.array([str(row) for row in table.rows.tolist()], dtype=object)
    return replace(table, columns={**columns, "code": numbers})


def _codes(values: Sequence[Any]) -> NDArray[Any] | None:
    """The values as codes when each row has one of its own."""
    try:
        codes = [read_code(value) for value in values if value is not None and str(value).strip()]
    except (ValueError, TypeError):
        return None
    return np.array(codes, dtype=object) if len(set(codes)) == len(values) else None


def _attributes(
    rows: Sequence[Mapping[str, Any]], declaration: Declaration, heads: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, str]], list[Fault]]:
    """The attributes of each row that are kept, of one type a column, and the columns that are wanted and not there."""
    wanted = declaration.mapping.get("fields")
    faults = [_no_column(name, heads) for name in wanted or () if name not in heads]
    names = list(dict.fromkeys(name for row in rows for name in row))
    kept = [name for name in (names if wanted is None else wanted) if name in names]
    types = {name: _type([row[name] for row in rows if name in row]) for name in kept}
    called = {name: f"{name}_" if name in TAKEN else name for name in kept}
    made = [
        {called[name]: _typed(row[name]) if types[name] == "text" else row[name] for name in kept if name in row}
        for row in rows
    ]
    return made, [{"name": called[name], "type": types[name]} for name in kept], faults


def _type(values: Sequence[Any]) -> FieldType:
    kinds = {type(value) for value in values}
    if kinds <= {int}:
        return "integer"
    return "number" if kinds <= {int, float} else "text"


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _kind(geometries: NDArray[Any]) -> GeometryType:
    kinds: Mapping[int, GeometryType] = {0: "point", 1: "line", 2: "polygon"}
    dimensions = set(shapely.get_dimensions(geometries).tolist())
    return kinds[dimensions.pop()] if len(dimensions) == 1 else "mixed"


def _numbered() -> Fault:
    return Fault(
        "codes_numbered",
        "No column has a code of its own for every row, so features are numbered by row. Name one: --code COLUMN.",
        "没有每行唯一的编码列，要素以行号编码。可用 --code 指定列名。",
        severity="note",
    )


def _no_column(name: str, there: Sequence[str]) -> Fault:
    return Fault(
        "column_missing",
        f"There is no column '{name}' to keep; the file has {', '.join(there)}.",
        f"文件中没有要保留的列“{name}”；现有列：{'、'.join(there)}。",
    )
