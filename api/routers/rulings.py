"""Rulings: what was settled on site, into a draft that somebody looks at, replays and publishes."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Editor, authorize, permit
from api.editing.drafting import tell_draft
from api.editing.rulings import Taken, document_of_case, take_rulings
from api.editing.seam_rulings import Ruling, draft_ruling
from api.http.bodies import Body, answer, parse_deed, read_question
from api.http.openapi import body_of
from api.keys import Key
from api.routers.cases import decision_within
from api.routers.drafts import bench_of, defaults_of, etag_of, is_meant
from api.routers.parameters import draft_within
from api.schemas.rulings import RulingOfCase, RulingsQuestion, RulingsTaken, SeamRuling
from components.editions import normalise_edition

router = APIRouter(prefix="/v1", tags=["drafts"])
QUOTED = {"number", "date", "document", "text", "url"}


@router.post(
    "/rulings",
    response_model=RulingsTaken,
    status_code=201,
    responses={200: {"model": RulingsTaken, "description": "Into a draft that was there"}},
    summary="Take in rulings 确权结论写入草稿",
    openapi_extra=body_of(RulingsQuestion, RulingOfCase),
)
def take_in(
    request: Request,
    key: Editor,
    body: Body,
    draft: Annotated[str | None, Query(max_length=60, description="Into this draft; default: a new one")] = None,
) -> Response:
    """Rulings become rules that go before those which decided until now, or areas of another department; in a draft.

    All are taken in or none. A body with `case` settles the class of that case in its unit.
    """
    sent = parse_deed(body)
    into, version, bench = None, None, bench_of(request)
    if draft is not None:
        into = draft_within(request, key, draft)
        authorize(request, "editor", into.owner)
        version = into.version if is_meant(request, into) else None
    if isinstance(sent, Mapping) and "case" in sent:
        sent = _document(request, key, read_question(RulingOfCase, sent))
    taken = take_rulings(bench, sent, None, key.name, into, key.prefix, version)
    return _told(taken, taken.quoted, 201 if into is None else 200)


@router.post(
    "/seams/rulings",
    response_model=RulingsTaken,
    status_code=201,
    summary="Draft the ruling of a seam 起草边界确权结论",
    openapi_extra=body_of(SeamRuling),
)
def settle_seam(request: Request, key: Editor, body: Body) -> Response:
    """A draft with a strip beside the edge of two areas and a rule that holds in it; to be replayed and published."""
    asked = read_question(SeamRuling, parse_deed(body))
    ruling = Ruling(
        layer=asked.layer,
        first=asked.area_a,
        second=asked.area_b,
        owner=asked.owner,
        class_code=asked.class_code,
        department=asked.department,
        edition=normalise_edition(asked.edition),
        kind=asked.kind,
        width_m=asked.width_m,
        basis=asked.basis,
    )
    taken = draft_ruling(bench_of(request), ruling, key.name, key.scope, partial(permit, key, "editor"))
    return _told(taken, taken.quoted * len(taken.edits), 201)


def _document(request: Request, key: Key, asked: RulingOfCase) -> Any:
    """The document of a ruling about a case that the caller may see. Errors: those of `document_of_case`."""
    decision_within(request, key, asked.case.source, asked.case.id)
    basis = asked.model_dump(include=QUOTED, exclude_none=True)
    name = (asked.case.source, asked.case.id)
    owner = asked.owner or ""
    return document_of_case(bench_of(request).store, *name, asked.department, basis, owner, defaults_of(request))


def _told(taken: Taken, quoted: tuple[str, ...], status: int) -> Response:
    draft = taken.work.draft
    told = {
        "draft": tell_draft(draft),
        "rulings": [
            {"ruling": each, "layer": edit["layer"], "code": edit["code"]}
            for each, edit in zip(quoted, taken.edits, strict=True)
        ],
        "edits": taken.edits,
        "faults": [each.as_dict() for each in taken.faults],
    }
    headers = {"ETag": etag_of(draft), "Location": f"/v1/drafts/{draft.id}"}
    return answer(told, taken.work.sketch.at, status, headers)
