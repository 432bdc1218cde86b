"""Profiles of field names: those kept in the store by name, and the one that a delivery is read by."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from components.heads import STYLES, Heads, built_in, mapping_of, recognise, texts_of
from components.layers import CATALOGUE, COMPONENTS
from gis.errors import Fault, Refusal, refuse
from gis.layer import Layer
from gis.store.revisions import drop_setting, keep_setting, read_settings
from gis.tables import Table
from gis.texts import check_text
from grids.layers import AREA_FIELDS, DEPARTMENTS, DIVISIONS, UNITS

NONE = "none"
"""As a profile: look for none."""
PLACES = ("lon", "lat")
"""What a mapping calls the columns of x and y, in whatever CRS."""
LONGEST_NAME = 60
_KEPT = "fields."
_COLUMNS, _TEXTS = "columns", "texts"
_AREAS = Layer("areas", "Areas", "责任片区", "area", "polygon", AREA_FIELDS)
LAYERS: Mapping[str, Layer] = {each.id: each for each in (DIVISIONS, UNITS, _AREAS, DEPARTMENTS, COMPONENTS, CATALOGUE)}


def read_mapping(pairs: Sequence[str], option: str = "--map", what: str = "column") -> dict[str, str]:
    """`field=column`, repeated. Errors: Refusal mapping_wrong."""
    mapping = {}
    for pair in pairs:
        name, separator, column = pair.partition("=")
        if not separator or not name.strip() or not column.strip():
            raise refuse(
                "mapping_wrong",
                f"'{pair}' is no mapping: write {option} field={what}.",
                f"“{pair}”不是有效映射：请写 {option} 字段={'列名' if what == 'column' else '文本'}。",
            )
        mapping[name.strip()] = column.strip()
    return mapping


def read_texts(pairs: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """`field=text`, repeated, of fields that have no column in `mapping`. Errors: Refusal mapping_wrong."""
    texts = read_mapping(pairs, "--set", "text")
    for name, text in texts.items():
        check_text(text)
        if name in mapping or name in PLACES:
            raise refuse(
                "mapping_wrong",
                f"The field {name} is either a column (--map) or a text (--set), and positions are always columns.",
                f"字段 {name} 只能对应列（--map）或文本（--set）之一；坐标只能来自列。",
            )
    return texts


@dataclass(frozen=True, slots=True)
class Meant:
    """Which column holds each field of a delivery, and the texts that others are made of."""

    columns: Mapping[str, str]
    texts: Mapping[str, str]

    def under(self, mapping: Mapping[str, str], texts: Mapping[str, str]) -> "Meant":
        """The same with what the caller says of single fields, which goes before it."""
        columns = {name: head for name, head in self.columns.items() if name not in texts}
        made = {name: text for name, text in self.texts.items() if name not in mapping}
        return Meant({**columns, **mapping}, {**made, **texts})


NOTHING = Meant({}, {})


def add_fields(connection: Connection, name: str, columns: Mapping[str, str], texts: Mapping[str, str]) -> None:
    """Keep a mapping (field -> column, and field -> text) under a name.

    Errors: Refusal fields_name, fields_taken, field_unknown.
    """
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or name in (*STYLES, NONE):
        raise refuse(
            "fields_name",
            f"'{name[:LONGEST_NAME]}' cannot name a profile: up to {LONGEST_NAME} characters, and none of "
            f"{', '.join((*STYLES, NONE))}.",
            f"“{name[:LONGEST_NAME]}”不能作为字段方案名：最多 {LONGEST_NAME} 个字符，且不能是 "
            f"{'、'.join((*STYLES, NONE))}。",
        )
    if name in saved_fields(connection):
        raise refuse(
            "fields_taken",
            f"There is a profile '{name}' already; remove it first, or take another name.",
            f"字段方案“{name}”已存在；请先删除或改用其他名称。",
            kind="conflict",
        )
    known = {field.name for layer in LAYERS.values() for field in layer.shown} | {*PLACES}
    unknown = sorted((columns.keys() | texts.keys()) - known)
    if unknown or not (columns or texts):
        shown = ", ".join(unknown) or "''"
        raise refuse(
            "field_unknown",
            f"No layer has a field {shown}; the fields are {', '.join(sorted(known))}.",
            f"没有字段 {shown}；可用字段：{'、'.join(sorted(known))}。",
        )
    document = {_COLUMNS: dict(columns), _TEXTS: dict(texts)}
    keep_setting(connection, _KEPT + name, json.dumps(document, ensure_ascii=False))


def remove_fields(connection: Connection, name: str) -> None:
    """Forget a profile. Errors: Refusal fields_unknown."""
    if not drop_setting(connection, _KEPT + name):
        raise fields_unknown(name, saved_fields(connection))


def saved_fields(connection: Connection) -> dict[str, Heads]:
    """The profiles that are kept, by name."""
    found = {
        name.removeprefix(_KEPT): value
        for name, value in sorted(read_settings(connection).items())
        if name.startswith(_KEPT)
    }
    return {name: _kept(name, json.loads(value)) for name, value in found.items()}


def _kept(name: str, document: Mapping[str, Any]) -> Heads:
    """A profile as the store has it; an older one is no more than its columns."""
    is_older = not isinstance(document.get(_COLUMNS), dict)
    return Heads.saved(name, document if is_older else document[_COLUMNS], {} if is_older else document[_TEXTS])


def find_fields(connection: Connection, name: str, layer: str) -> Heads:
    """A profile by its name, for a layer. Errors: Refusal fields_unknown."""
    saved = saved_fields(connection)
    known = {each.name: each for each in built_in(LAYERS[layer])} if layer in LAYERS else {}
    found = saved.get(name) or known.get(name)
    if found is None:
        raise fields_unknown(name, {**known, **saved})
    return found


def fields_unknown(name: str, there: Mapping[str, Heads]) -> Refusal:
    """The refusal of a name that no profile has."""
    return refuse(
        "fields_unknown",
        f"There is no profile of field names '{name[:LONGEST_NAME]}'; there are {', '.join(there) or 'none'}.",
        f"没有名为“{name[:LONGEST_NAME]}”的字段方案；现有：{'、'.join(there) or '无'}。",
        kind="missing",
    )


def recognised(connection: Connection, table: Table, layer: str) -> tuple[Meant, Table]:
    """What the profile means that the heads of a table match fully, and the table with what is to be told of it."""
    if layer not in LAYERS:
        return NOTHING, table
    saved = list(saved_fields(connection).values())
    found = recognise(list(table.columns), LAYERS[layer], saved)
    if len(found) != 1:
        told = [_several([each.name for each in found])] if found else []
        return NOTHING, replace(table, faults=(*table.faults, *told))
    meant = meant_by(found[0], table, own_first=True)
    return meant, replace(table, faults=(*table.faults, _told(found[0].name, {**meant.columns, **meant.texts})))


def meant_by(heads: Heads, table: Table, *, own_first: bool) -> Meant:
    """What a profile means of a table; with `own_first` a field whose own name is a column keeps that column."""
    there = list(table.columns)
    return Meant(mapping_of(heads, there, own_first=own_first), texts_of(heads, there, own_first=own_first))


def _told(name: str, mapping: Mapping[str, str]) -> Fault:
    pairs = ", ".join(f"{field}={column}" for field, column in mapping.items())
    return Fault(
        "fields_recognised",
        f"The heads are those of the profile {name}: {pairs}. Another one: --fields NAME, or none.",
        f"表头符合字段方案 {name}：{pairs}。如需更换：--fields 名称，或 none。",
        severity="note",
    )


def _several(names: list[str]) -> Fault:
    return Fault(
        "fields_ambiguous",
        f"The heads match several profiles, and none was taken: {', '.join(names)}. Say --fields NAME.",
        f"表头同时符合多个字段方案，未采用任何一个：{'、'.join(names)}。请用 --fields 指定。",
        severity="warning",
    )
