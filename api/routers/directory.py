"""Who is who: divisions, departments and areas by their codes, sources of cases by name; the form of rule books."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy import Table
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.layers import find_layer
from api.routers.parameters import After, AsOf, Limit, number_at, read_after, write_after
from api.schemas.answers import AreaList, DepartmentList, DivisionList
from api.schemas.sources import SourceList
from cases.rules.schema import rule_book_schema
from cases.source_records import read_sources
from gis.store.engine import reading
from gis.store.versions import Query as Wanted
from gis.store.versions import read_columns
from grids.tables import area, department, division

router = APIRouter(prefix="/v1", tags=["content"])

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


@router.get("/sources", response_model=SourceList, summary="Sources of cases 案件来源")
def sources(request: Request, key: Viewer, as_of: AsOf = None) -> Response:
    """The sources by name, with what their cases take where they say nothing."""
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        found = read_sources(connection, key.scope, number)
    return answer({"revision": number, "items": [each.as_dict() for each in found]}, number)


@router.get("/schemas/rule-book", response_model=dict[str, Any], summary="JSON schema of rule books 指挥手册的格式")
def rule_book(key: Viewer) -> Response:
    """The JSON schema (draft 2020-12) of the YAML or JSON of a rule book."""
    return answer(rule_book_schema())


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
