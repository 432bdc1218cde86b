"""What became of cases: hand-offs, similar cases, texts and their erasure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Editor, Inspector, Viewer, authorize
from api.http.bodies import Body, answer, parse_deed
from api.http.openapi import body_of
from api.routers.cases import decision_within
from api.schemas.outcomes import OutcomeAnswer, OutcomeHistory, OutcomeReport, SimilarList, TextsAnswer
from cases.followups import FollowUp, list_follow_ups, put_follow_up
from cases.handoffs import read_hand_offs
from cases.reports import Defaults, from_record, parse_zone
from cases.standing import UNTOLD, find_similar, find_standing
from cases.texts import erase_texts, find_texts
from gis.errors import Fault, refuse
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.vicinity import codes_given
from grids.tables import department

router = APIRouter(prefix="/v1/cases", tags=["cases"])
MEASURED = tuple(name for name in UNTOLD if name not in ("is_open", "outcome"))
MOST_TOLD = 1000
NO_STORE = {"Cache-Control": "no-store"}


@router.get(
    "/{source}/{case_id:path}/outcome/history", response_model=OutcomeHistory, summary="Every list told 流转沿革"
)
def history(request: Request, key: Viewer, source: str, case_id: str) -> Response:
    """Every list of hand-offs that was told of a case, the newest first; replacing one keeps it."""
    decision_within(request, key, source, case_id)
    with reading(_store(request).log) as log:
        told = list_follow_ups(log, source, case_id, MOST_TOLD)
    return answer({"items": [_version(each) for each in told]})


@router.get("/{source}/{case_id:path}/outcome", response_model=OutcomeAnswer, summary="What became of it 查询流转")
def find_outcome(request: Request, key: Viewer, source: str, case_id: str) -> Response:
    """The hand-offs of a case and what they come to; none as long as nobody told any."""
    decision_within(request, key, source, case_id)
    return _told(request, source, case_id, 200, ())


@router.put(
    "/{source}/{case_id:path}/outcome",
    response_model=OutcomeAnswer,
    responses={201: {"model": OutcomeAnswer, "description": "The first list of this case"}},
    summary="Tell what became of it 报告流转",
    openapi_extra=body_of(OutcomeReport),
)
def put_outcome(request: Request, key: Inspector, source: str, case_id: str, body: Body) -> Response:
    """Replace the list of hand-offs. The same list again changes nothing; one that only adds needs no If-Match."""
    decision = decision_within(request, key, source, case_id)
    if decision.unit is not None:
        authorize(request, "inspector", decision.unit)
    sent = parse_deed(body)
    if not isinstance(sent, Mapping) or set(sent) != {"hand_offs"}:
        raise refuse(
            "hand_offs_wrong",
            'The body is an object {"hand_offs": [{"department", "at", "result", "reason", "by"}, …]}.',
            '请求体应为 {"hand_offs": [{"department", "at", "result", "reason", "by"}, …]}。',
        )
    store, zone = _store(request), parse_zone(request.app.state.settings.zone)
    with reading(store.world) as connection:
        known = set(codes_given(connection, (department,), head(connection), ""))
    hand_offs, notes = read_hand_offs(sent["hand_offs"], zone, known, datetime.now(UTC))
    given = request.headers.get("if-match")
    seen = None if given is None else [each.strip() for each in given.split(",")]
    told, is_new = put_follow_up(store, source, case_id, hand_offs, key.name, seen)
    return _told(request, source, case_id, 201 if is_new and told.number == 1 else 200, notes)


@router.get("/{source}/{case_id:path}/similar", response_model=SimilarList, summary="Open cases like it 相似案件")
def similar(request: Request, key: Viewer, source: str, case_id: str) -> Response:
    """Cases that are open now, of its class or component, within its accuracy + 30 m and 7 days, nearest first."""
    decision = decision_within(request, key, source, case_id)
    with reading(_store(request).log) as log:
        stands = find_standing(log, source, case_id)
        if stands is None or stands["lon"] is None:
            return answer({"items": []})
        place = {"crs": "EPSG:4490", **{name: stands[name] for name in ("lon", "lat", "accuracy_m")}}
        named = {name: stands[name] for name in ("edition", "kind", "class_code")}
        case = from_record({"source": source, "id": case_id, **place, **named}, Defaults())
        assert not isinstance(case, tuple), "a standing is made of a case"
        found = find_similar(log, case, stands["component"], stands["reported_at"])
    seen = [each for each in found if (each.unit or "").startswith(key.prefix)]
    return answer({"items": [each.as_dict() for each in seen]}, decision.revision)


@router.get("/{source}/{case_id:path}/texts", response_model=TextsAnswer, summary="What was said 案件文本")
def texts(request: Request, key: Inspector, source: str, case_id: str) -> Response:
    """Description, address and contact, as the newest version that has any said them."""
    decision_within(request, key, source, case_id)
    return _texts(request, source, case_id)


@router.delete("/{source}/{case_id:path}/texts", response_model=TextsAnswer, summary="Erase the texts 清除案件文本")
def erase(
    request: Request,
    key: Editor,
    source: str,
    case_id: str,
    reason: Annotated[str, Query(max_length=500, description="Why, kept with the entry")] = "",
) -> Response:
    """Texts of every version, reasons and names of its hand-offs are gone for good; the decision stays."""
    decision = decision_within(request, key, source, case_id)
    if decision.unit is not None:
        authorize(request, "editor", decision.unit)
    erase_texts(_store(request), source, case_id, key.name, reason)
    return _texts(request, source, case_id)


def _store(request: Request) -> Store:
    store: Store = request.app.state.store
    return store


def _told(request: Request, source: str, case_id: str, status: int, notes: tuple[Fault, ...] | list[Fault]) -> Response:
    with reading(_store(request).log) as log:
        stands = find_standing(log, source, case_id)
        newest = list_follow_ups(log, source, case_id, 1)
    told = newest[0] if newest else None
    measures = {name: (UNTOLD if stands is None else stands)[name] for name in MEASURED}
    members: dict[str, Any] = {"case": {"source": source, "id": case_id}, "measures": measures}
    members |= {"number": 0, "hand_offs": [], "received_at": None, "author": None} if told is None else _version(told)
    members["notes"] = [{"code": each.code, "en": each.en, "zh": each.zh} for each in notes]
    return answer(members, status=status, headers={} if told is None else {"ETag": told.etag})


def _version(told: FollowUp) -> dict[str, Any]:
    return {name: getattr(told, name) for name in ("number", "hand_offs", "received_at", "author")}


def _texts(request: Request, source: str, case_id: str) -> Response:
    with reading(_store(request).log) as log:
        held, erased = find_texts(log, source, case_id)
    entry = None if erased is None else {name: erased[name] for name in ("erased_at", "author", "reason")}
    return answer({"case": {"source": source, "id": case_id}, "texts": held, "erased": entry}, headers=NO_STORE)
