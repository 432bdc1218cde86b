"""Who is who: divisions, departments, areas and units by their codes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import orjson
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection, Table, func, select
from starlette.responses import Response

from api.auth import Viewer
from api.bodies import answer
from api.layers import find_layer
from api.routers.parameters import After, AsOf, Limit, number_at, read_after, write_after
from api.schemas import AreaList, DepartmentList, DivisionList, Unit
from api.tags import is_known
from gis.errors import Refusal, refuse
from gis.store.engine import reading
from gis.store.revisions import read_settings
from gis.store.scope import Scope
from gis.store.versions import Query as Wanted
from gis.store.versions import read_columns, read_rows
from grids.profiles import FREE, read_profile
from grids.tables import area, department, division, unit

router = APIRouter(prefix="/v1", tags=["content"])

SLIVER = 1e-3
"""A unit that holds less than this part of a retired one is no successor of it: it only touches."""

Prefix = Annotated[str, Query(max_length=60, description="Only codes that begin so")]


@router.get("/divisions", response_model=DivisionList, summary="Divisions 行政区划")
def divisions(
    request: Request,
    key: Viewer,
    level: Annotated[str | None, Query(max_length=60, description="Only this level: street, community …")] = None,
    prefix: Prefix = "",
    after: After = None,
    limit: Limit = 100,
    as_of: AsOf = None,
) -> Response:
    """Divisions by code, without their shapes."""
    wanted = Wanted(key.scope, where={"level": level} if level else None, prefix=prefix)
    return _page(request, division, wanted, ("code", "name", "level", "department"), after, limit, as_of)


@router.get("/departments", response_model=DepartmentList, summary="Departments 部门")
def departments(
    request: Request, key: Viewer, prefix: Prefix = "", after: After = None, limit: Limit = 100, as_of: AsOf = None
) -> Response:
    """Departments by code, with their ids in other systems."""
    wanted = Wanted(key.scope, prefix=prefix)
    return _page(request, department, wanted, ("code", "name", "parent", "ids"), after, limit, as_of)


@router.get("/areas/{layer}", response_model=AreaList, summary="Areas of responsibility of one layer 责任片区")
def areas(
    request: Request,
    key: Viewer,
    layer: str,
    prefix: Prefix = "",
    after: After = None,
    limit: Limit = 100,
    as_of: AsOf = None,
) -> Response:
    """The areas of a layer by code, without their shapes."""
    name = layer.removeprefix("areas.")
    with reading(request.app.state.store.world) as connection:
        find_layer(connection, f"areas.{name}", key.scope, number_at(request, as_of))
    wanted = Wanted(key.scope, where={"layer": name}, prefix=prefix)
    members = ("code", "name", "owner", "department", "priority")
    return _page(request, area, wanted, members, after, limit, as_of)


def _page(
    request: Request,
    table: Table,
    wanted: Wanted,
    members: tuple[str, ...],
    after: str | None,
    limit: int,
    as_of: str | None,
) -> Response:
    """A page by key: as quick at the end of a long list as at its beginning."""
    number = number_at(request, as_of)
    query = replace(wanted, at=number, after=read_after(after), limit=limit + 1)
    with reading(request.app.state.store.world) as connection:
        columns = read_columns(connection, table, query, (*members, "uid"))
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    last = rows[limit - 1] if len(rows) > limit else None
    items = [{name: row[name] for name in members} for row in rows[:limit]]
    following = None if last is None else write_after(last["code"], last["uid"])
    return answer({"revision": number, "items": items, "next": following}, number)


@router.get(
    "/units/{code}",
    response_model=Unit,
    responses={304: {"description": "As the caller has it"}},
    summary="One unit grid 单元网格",
)
def one_unit(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """A unit by its code; a retired code answers 410 with the units that have its ground now."""
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        row = next(read_rows(connection, unit, Wanted(key.scope, at=number, where={"code": code}, limit=1)), None)
        if row is None:
            raise _absent(connection, code, key.scope, number)
        profile = read_profile(read_settings(connection).get("profile", FREE.name))
        codes = [ancestor for _, ancestor in profile.ancestors(code)]
        above = read_columns(
            connection, division, Wanted(key.scope, at=number, where={"code": codes}), ("level", "code", "name")
        )
    named = {level: {"code": held, "name": name} for level, held, name in zip(*above.values(), strict=True)}
    headers = {"ETag": f'"{row["uid"]}-{row["from_revision"]}"', "Vary": "Authorization, X-API-Key"}
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers={**headers, "Wangge-Revision": str(number)})
    return answer(_unit(row, named, number), number, headers=headers)


def _unit(row: Mapping[str, Any], divisions: Mapping[str, Any], number: int) -> dict[str, Any]:
    members = ("code", "name", "area_m2", "initial_date", "end_date", "note", "attributes")
    return {
        **{name: row[name] for name in members},
        "divisions": divisions,
        "geometry": orjson.loads(shapely.to_geojson(row["geom"])),
        "from_revision": row["from_revision"],
        "revision": number,
    }


def _absent(connection: Connection, code: str, scope: Scope, number: int) -> Refusal:
    """Gone, when the code was in force before revision `number`; else there never was such a unit."""
    ended = select(func.max(unit.c.to_revision)).where(unit.c.code == code, unit.c.to_revision <= number)
    last = connection.execute(ended.where(scope.clause(unit.c.owner))).scalar()
    shown = code[:60]
    if last is None:
        return refuse(
            "unit_unknown", f"There is no unit grid {shown}.", f"没有单元网格 {shown}。", kind="missing", thing=shown
        )
    was = next(read_rows(connection, unit, Wanted(scope, at=last - 1, where={"code": code}, limit=1)))
    heirs = _successors(connection, was["geom"], scope, number)
    into, into_zh = (", ".join(heirs), "、".join(heirs)) if heirs else ("no unit grid", "任何单元网格之外")
    return refuse(
        "unit_retired",
        f"Unit grid {shown} was retired by revision {last}; its ground now belongs to {into}.",
        f"单元网格 {shown} 已在版本 {last} 注销；其范围现属 {into_zh}。",
        kind="gone",
        thing=shown,
        where=orjson.loads(shapely.to_geojson(was["geom"])),
    )


def _successors(connection: Connection, ground: Any, scope: Scope, number: int) -> list[str]:
    box = tuple(float(side) for side in shapely.bounds(ground))
    near = Wanted(scope, at=number, box=(box[0], box[1], box[2], box[3]))
    found = read_columns(connection, unit, near, ("code", "geom"))
    if not len(found["code"]):
        return []
    shares = shapely.area(shapely.intersection(found["geom"], ground)) / shapely.area(ground)
    return [code for code, share in zip(found["code"], shares, strict=True) if share > SLIVER]
