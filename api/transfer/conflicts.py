"""Conflicts of a delivery and signs that it is wrong as a whole, as faults."""

from collections.abc import Mapping
from typing import Any

import orjson
import shapely

from gis.errors import Fault
from gis.geometry import place
from grids.deliveries.comparing import Incoming
from grids.deliveries.masses import Mass
from grids.deliveries.merging import SHAPE, Row, Verdict

SHOWN = 3
LONGEST = 40


def tell_conflict(verdict: Verdict, incoming: Incoming, base: int) -> Fault:
    """A row that both have changed since the base: its fields with the values of all three; ours stays."""
    row = verdict.row
    shape = next((each[SHAPE] for each in (row.now, row.delivered, row.base) if each and each.get(SHAPE)), None)
    fields = [_field(name, row.base, row.now, row.delivered) for name in verdict.fields]
    en, zh = _what(verdict, base)
    return Fault(
        "import_conflict",
        f"{row.name} {en} What holds here stays.",
        f"{row.name} {zh}保留库中现状。",
        severity="warning",
        row=number_of(verdict, incoming),
        thing=row.name,
        where=None if shape is None else place(shape),
        members={"fields": fields, "ours": row.now is not None, "theirs": row.delivered is not None},
    )


def number_of(verdict: Verdict, incoming: Incoming) -> int | None:
    """The row of the file."""
    row = verdict.row.delivered or verdict.row.now or verdict.row.base
    assert row is not None
    return incoming.numbers.get(tuple(str(row[name]) for name in incoming.subject.key))


def tell_mass(mass: Mass, shifts: Mapping[str, float], needed: int) -> Fault:
    """Much of a class gone, or moved alike."""
    of, of_zh = (f" of class {mass.what}", f"（类别 {mass.what}）") if mass.what else ("", "")
    if mass.kind == "gone":
        en = f"{mass.count} of {mass.total} rows{of} would be gone: is the file whole, and the scope that of the file?"
        zh = f"{mass.total} 行{of_zh}中有 {mass.count} 行将被注销：文件是否完整、范围是否与文件相符？"
    else:
        metres = shifts.get(mass.what, 0.0)
        en = f"{mass.count} of {mass.total} rows{of} moved the same way, by about {metres:.4g} m: is the CRS right?"
        zh = f"{mass.total} 行{of_zh}中有 {mass.count} 行朝同一方向移动约 {metres:.4g} 米：坐标系是否正确？"
    return Fault(
        "mass_change",
        f"{en} If it is meant, allow it by number: --allow-changes {needed}.",
        f"{zh}如确属实，请按数量放行：--allow-changes {needed}。",
        members={"class": mass.what, "kind": mass.kind, "count": mass.count, "of": mass.total, "needed": needed},
    )


def _what(verdict: Verdict, base: int) -> tuple[str, str]:
    row = verdict.row
    if row.now is None:
        return (
            f"was ended here since revision {base} and is changed in the delivery.",
            f"自版本 {base} 以来已在库中注销，而交付中有更改；",
        )
    if row.delivered is None:
        return (
            f"was changed here since revision {base} and is not in the delivery any more.",
            f"自版本 {base} 以来已在库中更改，而交付中已没有；",
        )
    shown = verdict.fields[:SHOWN]
    en = "; ".join(f"{name}: here {_short(row.now, name)}, delivered {_short(row.delivered, name)}" for name in shown)
    zh = "；".join(f"{name}：库中 {_short(row.now, name)}，交付 {_short(row.delivered, name)}" for name in shown)
    more = len(verdict.fields) - len(shown)
    en, zh = (f"{en}; {more} fields more", f"{zh}；另有 {more} 个字段") if more else (en, zh)
    if row.base is None:
        return (
            f"was added both here since revision {base} and in the delivery, differently ({en}).",
            f"自版本 {base} 以来库中与交付中各自新增且不一致（{zh}）；",
        )
    return (
        f"was changed both here since revision {base} and in the delivery ({en}).",
        f"自版本 {base} 以来库中与交付中均有更改（{zh}）；",
    )


def _field(name: str, base: Row | None, ours: Row | None, theirs: Row | None) -> dict[str, Any]:
    shown = "geometry" if name == SHAPE else name
    values = {"base": _value(base, name), "ours": _value(ours, name), "theirs": _value(theirs, name)}
    return {"field": shown, **values}


def _value(row: Row | None, name: str) -> Any:
    value = None if row is None else row.get(name)
    return orjson.loads(shapely.to_geojson(value)) if isinstance(value, shapely.Geometry) else value


def _short(row: Row, name: str) -> str:
    value = row.get(name)
    if isinstance(value, shapely.Geometry):
        west, south, *_ = shapely.bounds(value).tolist()
        return f"@ {west:.7f},{south:.7f}"
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
