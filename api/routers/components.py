"""Components one by one: looked at, registered, changed, moved, retired."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import orjson
import shapely
from fastapi import APIRouter, Query, Request
from sqlalchemy import Connection
from starlette.responses import Response

from api.auth import Inspector, Viewer
from api.editing.registering import FIELDS, carry_out, read_wish
from api.http.bodies import Body, answer, parse_deed
from api.http.openapi import body_of
from api.http.tags import is_known
from api.keys import Key
from api.routers.drafts import bench_of
from api.routers.parameters import AsOf, make_known, number_at
from api.routers.units import divisions_of, told_step
from api.schemas.components import (
    ComponentItem,
    ComponentMade,
    ComponentWish,
    NewComponent,
    NextCode,
    ProposalMade,
    Retirement,
)
from api.schemas.history import HistoryList
from components.catalogue import read_classes
from components.deeds import Kind, changed, find_component, version_of
from components.editions import CURRENT, normalise_edition
from components.layers import COMPONENTS
from components.numbers import next_code
from components.proposals import Proposal
from components.tables import component
from gis.errors import Refusal, refuse
from gis.store.engine import reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope
from grids.history import steps
from grids.lineage import find_holder
from grids.placing import unit_at

router = APIRouter(prefix="/v1/components", tags=["components"])

Owner = Annotated[str | None, Query(max_length=60, description="Which one, where several owners have the code")]
WAITS: dict[int | str, dict[str, Any]] = {
    202: {"model": ProposalMade, "description": "Put down as a proposal: an editor accepts or rejects it"}
}
VARY = {"Vary": "Authorization, X-API-Key"}


@router.get("/next-code", response_model=NextCode, summary="The next free code 下一个可用编码")
def free_code(
    request: Request,
    key: Viewer,
    county: Annotated[str, Query(max_length=60, description="The six digits of the county")],
    class_code: Annotated[str, Query(max_length=60, description="A class of components")],
    edition: Annotated[str, Query(max_length=60, description="2026 or 2013")] = CURRENT,
) -> Response:
    """County, class and the number behind the highest ever given; no component ever had it."""
    edition = normalise_edition(edition)
    with reading(request.app.state.store.world) as connection:
        if (edition, "component", class_code) not in read_classes(connection, EVERYTHING):
            raise refuse(
                "class_unknown",
                f"The edition {edition[:40]} has no component class {class_code[:40]}.",
                f"标准版 {edition[:40]} 中没有部件类别 {class_code[:40]}。",
                thing=class_code[:60],
            )
        return answer({"code": next_code(connection, edition, county, class_code)})


@router.get("/{code}", response_model=ComponentItem, summary="One component 部件")
def one_component(request: Request, key: Viewer, code: str, owner: Owner = None, as_of: AsOf = None) -> Response:
    """A component with the unit in which it stands. Its ETag is what a change needs. A retired code is 410."""
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        row = _row(connection, code, owner, number, key.scope)
        if is_known(request, etag_of(row)):
            return Response(status_code=304, headers={"ETag": etag_of(row), "Wangge-Revision": str(number), **VARY})
        told = _told(connection, row, number, key.scope)
    return answer(told, number, headers={"ETag": etag_of(row), **VARY})


@router.get("/{code}/history", response_model=HistoryList, summary="What happened to a component 部件历史")
def component_history(request: Request, key: Viewer, code: str, as_of: AsOf = None) -> Response:
    """What each revision did to the component that has this code, or had it last. Oldest first."""
    number = number_at(request, as_of)
    with reading(request.app.state.store.world) as connection:
        holder = find_holder(connection, component, code, key.scope, number)
        if holder is None:
            raise _unknown(code)
        items = [told_step(connection, each) for each in steps(connection, COMPONENTS, holder.uid, key.scope, number)]
    return answer({"code": code, "uid": holder.uid, "revision": number, "items": items}, number)


@router.post(
    "",
    response_model=ComponentMade,
    status_code=201,
    responses=WAITS,
    summary="Register a component 登记部件",
    openapi_extra=body_of(NewComponent),
)
def register(request: Request, key: Inspector, body: Body) -> Response:
    """One revision, when the caller may; else a proposal. Without a code it gets the next free one."""
    return _carry_out(request, key, "register", body, None)


@router.patch(
    "/{code}",
    response_model=ComponentMade,
    responses=WAITS,
    summary="Change or move a component 变更、移动部件",
    openapi_extra=body_of(ComponentWish),
)
def change(request: Request, key: Inspector, code: str, body: Body, owner: Owner = None) -> Response:
    """One revision, when the caller may; else a proposal. Needs the component's own ETag in If-Match."""
    return _carry_out(request, key, "change", body, _meant(request, key, code, owner))


@router.post(
    "/{code}/retire",
    response_model=ComponentMade,
    responses=WAITS,
    summary="Retire a component 注销部件",
    openapi_extra=body_of(Retirement),
)
def retire(request: Request, key: Inspector, code: str, body: Body, owner: Owner = None) -> Response:
    """End a component: its code is never given again. Needs its own ETag in If-Match; answers with what it was."""
    return _carry_out(request, key, "retire", body, _meant(request, key, code, owner))


def etag_of(row: Mapping[str, Any]) -> str:
    """The tag of a component's version."""
    return f'"{row["uid"]}-{row["from_revision"]}"'


def _carry_out(request: Request, key: Key, kind: Kind, body: bytes, row: Mapping[str, Any] | None) -> Response:
    wish = read_wish(parse_deed(body) if body else {}, kind, request.app.state.systems)
    made, found = carry_out(bench_of(request), key, kind, wish, row, request.app.state.settings.zone)
    notes = [each.as_dict() for each in found]
    if isinstance(made, Proposal):
        told = {**made.as_dict(), "notes": notes}
        return answer(told, status=202, headers={"Location": f"/v1/proposals/{made.id}", **VARY})
    number, is_new = made.revision.number, kind == "register"
    make_known(request, number)
    at = number - 1 if kind == "retire" else number
    with reading(request.app.state.store.world) as connection:
        now = find_component(connection, made.code, at, made.owner, key.scope)
        assert now is not None, "a caller sees what they may change"
        told = {**_told(connection, now, at, key.scope), "revision": number, "notes": notes}
    place = {"Location": f"/v1/components/{quote(made.code, safe='')}"} if is_new else {}
    tag = {} if kind == "retire" else {"ETag": etag_of(now)}
    return answer(told, number, 201 if is_new else 200, {**VARY, **tag, **place})


def _meant(request: Request, key: Key, code: str, owner: str | None) -> dict[str, Any]:
    """The component that a change is meant for, as the caller has looked at it.

    Errors: Refusal if_match_missing, component_changed; component_unknown, component_retired.
    """
    given = request.headers.get("if-match")
    with reading(request.app.state.store.world) as connection:
        row = _row(connection, code, owner, head(connection), key.scope)
        if given is None:
            raise refuse(
                "if_match_missing",
                "To change a component, send its ETag as you have looked at it in If-Match.",
                "更改部件时须在 If-Match 中给出所查看部件的 ETag。",
            )
        tags = [each.strip() for each in given.split(",")]
        if etag_of(row) not in tags and "*" not in tags:
            seen = next((each.strip('"').split("-") for each in tags if each.startswith(f'"{row["uid"]}-')), None)
            known = seen is not None and seen[-1].isdecimal() and len(seen[-1]) < 16
            before = version_of(connection, row["uid"], int(seen[-1])) if seen and known else None
            raise Refusal(changed(code, before, row), "conflict")
    return row


def _row(connection: Connection, code: str, owner: str | None, number: int, scope: Scope) -> dict[str, Any]:
    """The version in force. Errors: Refusal component_unknown (missing), component_retired (gone), owner_needed."""
    row = find_component(connection, code, number, owner, scope)
    if row is not None:
        return row
    holder = find_holder(connection, component, code, scope, number)
    if holder is None or holder.to_revision is None:
        raise _unknown(code)
    raise refuse(
        "component_retired",
        f"The component {code[:60]} was retired by revision {holder.to_revision}.",
        f"部件 {code[:60]} 已在版本 {holder.to_revision} 注销。",
        kind="gone",
        thing=code[:60],
    )


def _told(connection: Connection, row: Mapping[str, Any], number: int, scope: Scope) -> dict[str, Any]:
    unit = unit_at(connection, number, row["geom"])
    return {
        **{name: row[name] for name in ("code", "owner", *FIELDS, "attributes")},
        "geometry": orjson.loads(shapely.to_geojson(row["geom"])),
        "unit": unit,
        "divisions": divisions_of(connection, unit, scope, number) if unit else {},
        "from_revision": row["from_revision"],
        "revision": number,
    }


def _unknown(code: str) -> Refusal:
    shown = code[:60]
    return refuse(
        "component_unknown", f"There is no component {shown}.", f"没有部件 {shown}。", kind="missing", thing=shown
    )
