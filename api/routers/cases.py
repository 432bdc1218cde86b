"""Cases: where would one go, take one in, what was decided."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import Inspector, Viewer, authorize
from api.bulk.coded import CodedDesk
from api.http.bodies import Body, answer, parse_deed, parse_json, read_body, told
from api.http.openapi import body_of
from api.http.wire import MEDIA_TYPES, Kind, sent_kind, wanted_kind
from api.http.wire import flow as answer_flow
from api.keys import Key
from api.lookups.case_flows import SCHEMA, CaseFlow, not_an_object
from api.lookups.flows import written, written_in_arrow
from api.lookups.points import check_count
from api.routers.parameters import AsOf, DraftId, Lang, desk_of, shelf_of
from api.schemas.answers import BadElement, CaseQuestion, CaseReport, Routing
from api.schemas.outcomes import CaseDecision
from api.worlds import Worlds
from cases.clerk import Clerk
from cases.desk import Desk
from cases.followups import unknown_case
from cases.log import Decision, find_decision, find_same, take_in
from cases.reports import Case, Defaults, from_record, parse_zone
from cases.texts import split_texts
from gis.errors import Refusal
from gis.store.engine import Store, reading

router = APIRouter(prefix="/v1/cases", tags=["cases"])


@router.post(
    "/route",
    response_model=Routing | list[Routing | BadElement],
    summary="Where would a case go? 试派遣（不入库）",
    openapi_extra=body_of(CaseQuestion, or_many=True, streams=True),
)
async def route(
    request: Request,
    key: Viewer,
    lang: Lang = "en",
    as_of: AsOf = None,
    because: Annotated[
        Literal["sentences", "codes"], Query(description="Of Arrow: the reasons as codes")
    ] = "sentences",
    draft: DraftId = None,
) -> Response:
    """The department for one case, or for each of an array; a bad element gets `{"i", "error"}`. Nothing is kept.

    JSON, or a stream (NDJSON, Arrow) of any length, all of which is answered of one revision; the last line is
    `{"end": true, "rows", "errors", "revision"}`.
    """
    sent = sent_kind(request.headers)
    wanted = wanted_kind(request.headers, sent)
    coded = because == "codes" and sent == wanted == "arrow"
    flow = await run_in_threadpool(_flow, request, key, lang, (as_of, draft), coded)
    if sent == "json":
        body = await read_body(request)
        return await run_in_threadpool(_route_document, request, flow, body, wanted)
    return await answer_flow(
        request, lambda parts: _answers(flow, parts, sent, wanted), wanted, flow.desk.revision, flow.largest
    )


def _flow(request: Request, key: Key, lang: str, moment: tuple[str | None, str | None], coded: bool) -> CaseFlow:
    desk, settings = desk_of(request, key, *moment), request.app.state.settings
    made = None
    if coded and "" in key.scope.owners:
        made = shelf_of(request).get(("coded", id(desk)), lambda: CodedDesk(Clerk(desk)))
        made = made if made.clerk.desk is desk else CodedDesk(Clerk(desk))  # another stood at this place in memory
    largest = int(settings.max_body_mb * 1e6)
    return CaseFlow(desk, key.scope, lang, largest, defaults=defaults_of(request, desk), coded=made)


def _answers(flow: CaseFlow, parts: Iterator[bytes], sent: Kind, wanted: Kind) -> Iterator[bytes]:
    if wanted != "arrow":
        return written(flow, flow.elements(flow.reports(parts, sent)), wanted, b"[", b"]")
    columns = flow.coded_columns(parts) if flow.coded else flow.columns(flow.reports(parts, sent))
    return written_in_arrow(flow, columns, SCHEMA)


def _route_document(request: Request, flow: CaseFlow, body: bytes, wanted: Kind) -> Response:
    sent = parse_json(body)
    if not isinstance(sent, list) and wanted == "json":
        case = _read_case(sent, flow.defaults)
        (routing,) = flow.desk.route_all([case], flow.scope)
        return answer(routing.to_dict(case), flow.desk.revision)
    cases = sent if isinstance(sent, list) else [sent]
    check_count(len(cases), request.app.state.settings.max_points)
    reports = iter([flow.read(cases)])
    if wanted == "arrow":
        made = written_in_arrow(flow, flow.columns(reports), SCHEMA)
    else:
        made = written(flow, flow.elements(reports), wanted, b"[", b"]")
    return told(b"".join(made), flow.desk.revision, MEDIA_TYPES[wanted])


@router.post(
    "",
    response_model=CaseDecision,
    status_code=201,
    responses={200: {"model": CaseDecision, "description": "This version was taken in before: the same decision"}},
    summary="Take in a case and route it 受理并派遣",
    openapi_extra=body_of(CaseReport),
)
def take_in_case(request: Request, key: Inspector, body: Body) -> Response:
    """Decide a case and keep the decision. The same version and body again gives the same decision.

    With it stand the open cases that are `similar` at that moment. Texts are kept apart and can be erased.
    """
    decision, is_new = intake(request, key, parse_deed(body))
    place = f"/v1/cases/{quote(decision.source, safe='')}/{quote(decision.case_id, safe='')}"
    return answer(_seen_by(key, decision), decision.revision, 201 if is_new else 200, {"Location": place})


def intake(request: Request, key: Key, sent: Any) -> tuple[Decision, bool]:
    """Decide the case that a caller sent and keep the decision; whether it is new. Every door leads here."""
    sent, texts = split_texts(sent) if isinstance(sent, Mapping) else (sent, {})
    worlds: Worlds = request.app.state.worlds
    desk = worlds.newest()
    store: Store = request.app.state.store
    try:
        case = _read_case(sent, defaults_of(request, desk))
    except Refusal:
        if (same := _taken_in(store, sent)) is None:
            raise
        # It could be read when it came: its source is said otherwise since. A retry has the decision that it had.
        if same.unit is not None:
            authorize(request, "inspector", same.unit)
        return same, False
    unit = desk.grid.unit_code(int(desk.grid.units.lowest(np.array([[case.lon, case.lat]]))[0]))
    if unit is not None:
        authorize(request, "inspector", unit)
    return take_in(store, case, sent, lambda: desk.route_all([case], key.scope)[0], texts)


def _taken_in(store: Store, sent: Any) -> Decision | None:
    if not isinstance(sent, Mapping):
        return None
    with reading(store.log) as connection:
        return find_same(connection, sent)


@router.get("/{source}/{case_id:path}", response_model=CaseDecision, summary="What was decided 查询派遣结果")
def find_case(request: Request, key: Viewer, source: str, case_id: str) -> Response:
    """The decision on the newest version of a case that was taken in."""
    decision = decision_within(request, key, source, case_id)
    return answer(_seen_by(key, decision), decision.revision)


def _seen_by(key: Key, decision: Decision) -> Mapping[str, Any]:
    """The decision as it was answered, but for similar cases that the caller may not read."""
    alike = decision.routing.get("similar", ())
    seen = [each for each in alike if (each["unit"] or "").startswith(key.prefix)]
    return decision.routing if len(seen) == len(alike) else {**decision.routing, "similar": seen}


def decision_within(request: Request, key: Key, source: str, case_id: str) -> Decision:
    """The decision on a case that the caller may see. Errors: Refusal case_unknown."""
    store: Store = request.app.state.store
    with reading(store.log) as connection:
        decision = find_decision(connection, source, case_id)
    # Outside every unit a case is in nobody's prefix, so only who may read everything reads it.
    if decision is None or not (decision.unit or "").startswith(key.prefix):
        raise unknown_case(source, case_id)
    return decision


def defaults_of(request: Request, desk: Desk) -> Defaults:
    """What a case takes that does not say it, by the sources of a desk."""
    state = request.app.state
    return desk.defaults(Defaults(zone=parse_zone(state.settings.zone), read_crs=state.systems.parse))


def _read_case(sent: Any, defaults: Defaults) -> Case:
    if not isinstance(sent, Mapping):
        raise Refusal(not_an_object())
    found = from_record(sent, defaults, strict=True)
    if not isinstance(found, Case):
        raise Refusal(found)
    return found
