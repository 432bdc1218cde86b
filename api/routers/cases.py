"""Cases: where would one go, take one in, what was decided."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import Inspector, Viewer, authorize
from api.bodies import Body, answer, parse_json
from api.openapi import body_of
from api.points import check_count
from api.problems import problem
from api.routers.parameters import AsOf, Lang, desk_at
from api.schemas import BadElement, CaseQuestion, CaseReport, Routing
from api.worlds import Worlds
from cases.log import find_decision, take_in
from cases.reports import Case, Defaults, from_record, from_records, parse_zone
from gis.errors import Fault, Refusal, refuse
from gis.store.engine import Store, reading

router = APIRouter(prefix="/v1/cases", tags=["cases"])


@router.post(
    "/route",
    response_model=Routing | list[Routing | BadElement],
    summary="Where would a case go? 试派遣（不入库）",
    openapi_extra=body_of(CaseQuestion, or_many=True),
)
def route(request: Request, key: Viewer, body: Body, lang: Lang = "en", as_of: AsOf = None) -> Response:
    """The department for one case, or for each of an array; a bad element gets `{"i", "error"}`. Nothing is kept."""
    sent = parse_json(body)
    desk = desk_at(request, as_of)
    if not isinstance(sent, list):
        case = _read_case(request, sent)
        (routing,) = desk.route_all([case], key.scope)
        return answer(routing.to_dict(case), desk.revision)
    check_count(len(sent), request.app.state.settings.max_points)
    objects = {index: each for index, each in enumerate(sent) if isinstance(each, dict)}
    reports = from_records(objects.values(), _defaults(request), strict=True, rows=[index + 1 for index in objects])
    results: list[Any] = [_bad(index, [_not_an_object()], lang) for index in range(len(sent))]
    good: list[tuple[int, Case]] = []
    for index, found, faults in zip(objects, reports.cases, reports.faults, strict=True):
        if found is None:
            results[index] = _bad(index, faults, lang)
        else:
            good.append((index, found))
    routings = desk.route_all([case for _, case in good], key.scope)
    for (index, case), routing in zip(good, routings, strict=True):
        results[index] = routing.to_dict(case)
    return answer(results, desk.revision)


@router.post(
    "",
    response_model=Routing,
    status_code=201,
    responses={200: {"model": Routing, "description": "This version was taken in before: the same decision"}},
    summary="Take in a case and route it 受理并派遣",
    openapi_extra=body_of(CaseReport),
)
def take_in_case(request: Request, key: Inspector, body: Body) -> Response:
    """Decide a case and keep the decision. The same version and body again gives the same decision."""
    sent = parse_json(body)
    case = _read_case(request, sent)
    worlds: Worlds = request.app.state.worlds
    desk = worlds.newest()
    unit = desk.grid.unit_code(int(desk.grid.units.lowest(np.array([[case.lon, case.lat]]))[0]))
    if unit is not None:
        authorize(request, "inspector", unit)
    store: Store = request.app.state.store
    decision, is_new = take_in(store, case, sent, lambda: desk.route_all([case], key.scope)[0])
    place = f"/v1/cases/{quote(case.source, safe='')}/{quote(case.id, safe='')}"
    return answer(decision.routing, decision.revision, 201 if is_new else 200, {"Location": place})


@router.get("/{source}/{case_id:path}", response_model=Routing, summary="What was decided 查询派遣结果")
def find_case(request: Request, key: Viewer, source: str, case_id: str) -> Response:
    """The decision on the newest version of a case that was taken in."""
    store: Store = request.app.state.store
    with reading(store.log) as connection:
        decision = find_decision(connection, source, case_id)
    # Outside every unit a case is in nobody's prefix, so only who may read everything reads it.
    if decision is None or not (decision.unit or "").startswith(key.prefix):
        raise refuse(
            "case_unknown",
            f"No case {case_id[:80]} of the source {source[:80]} was taken in.",
            f"未受理过来源 {source[:80]} 的案件 {case_id[:80]}。",
            kind="missing",
        )
    return answer(decision.routing, decision.revision)


def _defaults(request: Request) -> Defaults:
    return Defaults(zone=parse_zone(request.app.state.settings.zone))


def _read_case(request: Request, sent: Any) -> Case:
    if not isinstance(sent, Mapping):
        raise Refusal(_not_an_object())
    found = from_record(sent, _defaults(request), strict=True)
    if not isinstance(found, Case):
        raise Refusal(found)
    return found


def _bad(index: int, faults: Any, lang: str) -> dict[str, Any]:
    return {"i": index, "error": problem(Refusal(faults), lang)}


def _not_an_object() -> Fault:
    return Fault(
        "question_wrong",
        'A case is an object like {"lon": 114.05, "lat": 22.54, "crs": "CRS84", …}.',
        '案件应为形如 {"lon": 114.05, "lat": 22.54, "crs": "CRS84", …} 的对象。',
    )
