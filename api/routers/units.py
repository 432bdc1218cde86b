"""Unit grids and divisions by their codes: as they are, as they were, what they came from and what became of them."""

from collections.abc import Mapping
from typing import Any

import orjson
import shapely
from fastapi import APIRouter, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.http.tags import is_known
from api.layers import table_of
from api.routers.parameters import AsOf, number_at
from api.schemas.answers import Unit
from api.schemas.history import Division, HistoryList, Lineage, NeighbourList
from gis.errors import Refusal, refuse
from gis.layer import Layer
from gis.store.engine import reading
from gis.store.revisions import list_revisions, read_settings
from gis.store.scope import Scope
from gis.store.versions import Query, read_columns, read_rows
from grids.history import Step, steps
from grids.layers import DIVISIONS, UNITS
from grids.lineage import Holder, ancestors, find_holder, graph, successors
from grids.neighbours import neighbours
from grids.profiles import FREE, read_profile
from grids.tables import division

router = APIRouter(prefix="/v1", tags=["content"])

UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "As the caller has it"}}
WAS_THERE: dict[int | str, dict[str, Any]] = {410: {"description": "Retired; `successors` have its ground now"}}
VARY = {"Vary": "Authorization, X-API-Key"}


@router.get(
    "/units/{code}", response_model=Unit, responses={**UNCHANGED, **WAS_THERE}, summary="One unit grid 单元网格"
)
def one_unit(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """A unit by its code; a retired code answers 410 with the units that have its ground now."""
    members = ("code", "name", "area_m2", "initial_date", "end_date", "note", "attributes")
    return _one(request, UNITS, code, key.scope, as_of, members)


@router.get(
    "/divisions/{code}", response_model=Division, responses={**UNCHANGED, **WAS_THERE}, summary="One division 行政区划"
)
def one_division(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """A division by its code; a retired code answers 410 with the divisions of its level that have its ground now."""
    return _one(request, DIVISIONS, code, key.scope, as_of, ("code", "name", "level", "department", "attributes"))


def _one(
    request: Request, layer: Layer, code: str, scope: Scope, as_of: str | None, members: tuple[str, ...]
) -> Response:
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        row = _in_force(connection, layer, code, scope, number)
        headers = {"ETag": f'"{row["uid"]}-{row["from_revision"]}"', **VARY}
        if is_known(request, headers["ETag"]):
            return Response(status_code=304, headers={**headers, "Wangge-Revision": str(number)})
        named = divisions_of(connection, code, scope, number)
    content = {
        **{name: row[name] for name in members},
        "divisions": named,
        "geometry": None if row["geom"] is None else orjson.loads(shapely.to_geojson(row["geom"])),
        "from_revision": row["from_revision"],
        "revision": number,
    }
    return answer(content, number, headers=headers)


def divisions_of(connection: Connection, code: str, scope: Scope, number: int) -> dict[str, Any]:
    """The divisions above a unit or division, by level."""
    profile = read_profile(read_settings(connection).get("profile", FREE.name))
    codes = [ancestor for _, ancestor in profile.ancestors(code)]
    above = read_columns(
        connection, division, Query(scope, at=number, where={"code": codes}), ("level", "code", "name")
    )
    return {level: {"code": held, "name": name} for level, held, name in zip(*above.values(), strict=True)}


@router.get(
    "/units/{code}/neighbours", response_model=NeighbourList, responses=WAS_THERE, summary="Units beside it 相邻网格"
)
def unit_neighbours(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """The units that touch a unit, with the metres of edge they share; 0 where they meet in corners alone."""
    return _neighbours(request, UNITS, code, key.scope, as_of)


@router.get(
    "/divisions/{code}/neighbours",
    response_model=NeighbourList,
    responses=WAS_THERE,
    summary="Divisions beside it 相邻区划",
)
def division_neighbours(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """The divisions of its level that touch a division, with the metres of edge they share."""
    return _neighbours(request, DIVISIONS, code, key.scope, as_of)


def _neighbours(request: Request, layer: Layer, code: str, scope: Scope, as_of: str | None) -> Response:
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        row = _in_force(connection, layer, code, scope, number)
        found = neighbours(connection, table_of(layer), row, scope, number)
    items = [{"code": each.code, "name": each.name, "shared_m": round(each.shared_m, 3)} for each in found]
    return answer({"code": code, "revision": number, "items": items}, number)


@router.get("/units/{code}/lineage", response_model=Lineage, summary="Where a unit came from and went 沿革")
def unit_lineage(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """The lineage of a code, in force or retired: successors, ancestors, and the pairs between them."""
    return _lineage(request, UNITS, code, key.scope, as_of)


@router.get("/divisions/{code}/lineage", response_model=Lineage, summary="Where a division came from and went 区划沿革")
def division_lineage(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """The lineage of a division's code, in force or retired."""
    return _lineage(request, DIVISIONS, code, key.scope, as_of)


def _lineage(request: Request, layer: Layer, code: str, scope: Scope, as_of: str | None) -> Response:
    number, table = number_at(request, as_of), table_of(layer)
    with reading(request.app.state.store.world) as connection:
        holder = _holder(connection, layer, code, scope, number)
        is_there = holder.to_revision is None
        heirs = [] if is_there else successors(connection, table, holder, scope, number)
        before = ancestors(connection, table, holder, scope, number)
        pairs = graph(connection, table, holder, scope, number)
    content = {
        "code": code,
        "uid": holder.uid,
        "in_force": is_there,
        "successors": heirs,
        "ancestors": before,
        "pairs": [
            {
                "revision": each.revision,
                "kind": each.kind,
                "from": {"uid": each.from_uid, "code": each.from_code},
                "to": {"uid": each.to_uid, "code": each.to_code},
            }
            for each in pairs
        ],
        "revision": number,
    }
    return answer(content, number)


@router.get("/units/{code}/history", response_model=HistoryList, summary="What happened to a unit 历史版本")
def unit_history(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """What each revision did to the unit that has this code, or had it last; under other codes too. Oldest first."""
    return _history(request, UNITS, code, key.scope, as_of)


@router.get("/divisions/{code}/history", response_model=HistoryList, summary="What happened to a division 区划历史")
def division_history(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """What each revision did to the division that has this code, or had it last. Oldest first."""
    return _history(request, DIVISIONS, code, key.scope, as_of)


def _history(request: Request, layer: Layer, code: str, scope: Scope, as_of: str | None) -> Response:
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        holder = _holder(connection, layer, code, scope, number)
        found = steps(connection, layer, holder.uid, scope, number)
        items = [told_step(connection, each) for each in found]
    return answer({"code": code, "uid": holder.uid, "revision": number, "items": items}, number)


def told_step(connection: Connection, step: Step) -> dict[str, Any]:
    """What a revision did to one thing, with the revision."""
    (made,) = list_revisions(connection, step.revision - 1, 1)
    return {
        "revision": made.number,
        "recorded_at": made.recorded_at,
        "effective_at": made.effective_at,
        "author": made.author,
        "note": made.note,
        "basis": made.basis,
        "change": step.change,
        "code": step.row["code"],
        "fields": list(step.fields),
    }


def _in_force(connection: Connection, layer: Layer, code: str, scope: Scope, number: int) -> Mapping[str, Any]:
    """The version in force. Errors: Refusal unit_unknown, division_unknown (missing); …_retired (gone)."""
    table = table_of(layer)
    row = next(read_rows(connection, table, Query(scope, at=number, where={"code": code}, limit=1)), None)
    if row is None:
        holder = _holder(connection, layer, code, scope, number)
        raise _retired(connection, layer, code, holder, scope, number)
    return row


def _holder(connection: Connection, layer: Layer, code: str, scope: Scope, number: int) -> Holder:
    holder = find_holder(connection, table_of(layer), code, scope, number)
    if holder is not None:
        return holder
    shown = code[:60]
    if layer is UNITS:
        raise refuse(
            "unit_unknown", f"There is no unit grid {shown}.", f"没有单元网格 {shown}。", kind="missing", thing=shown
        )
    raise refuse(
        "division_unknown", f"There is no division {shown}.", f"没有行政区划 {shown}。", kind="missing", thing=shown
    )


def _retired(connection: Connection, layer: Layer, code: str, holder: Holder, scope: Scope, number: int) -> Refusal:
    table = table_of(layer)
    heirs = successors(connection, table, holder, scope, number)
    was = Query(scope, at=holder.from_revision, where={"code": code, "uid": holder.uid}, limit=1)
    ground = next(read_rows(connection, table, was))["geom"]
    shown, into, into_zh = code[:60], ", ".join(heirs), "、".join(heirs)
    facts: dict[str, Any] = {"thing": shown, "members": {"successors": heirs}}
    if ground is not None:
        facts["where"] = orjson.loads(shapely.to_geojson(ground))
    if layer is UNITS:
        return refuse(
            "unit_retired",
            f"Unit grid {shown} was retired by revision {holder.to_revision}; its ground now belongs to "
            f"{into or 'no unit grid'}.",
            f"单元网格 {shown} 已在版本 {holder.to_revision} 注销；其范围现属 {into_zh or '任何单元网格之外'}。",
            kind="gone",
            **facts,
        )
    return refuse(
        "division_retired",
        f"Division {shown} was retired by revision {holder.to_revision}; its ground now belongs to "
        f"{into or 'no division of its level'}.",
        f"行政区划 {shown} 已在版本 {holder.to_revision} 注销；其范围现属 {into_zh or '同级区划之外'}。",
        kind="gone",
        **facts,
    )
