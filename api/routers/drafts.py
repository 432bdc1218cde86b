"""Drafts: edits tried, kept, undone, checked and published."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.auth import Viewer, authorize, caller
from api.editing.checks import State
from api.editing.drafting import (
    tell_changes,
    tell_differing,
    tell_draft,
    tell_impact,
    tell_report,
    tell_revision,
    tell_work,
)
from api.editing.rule_checks import check_drafted
from api.http.bodies import Body, answer, parse_deed
from api.http.openapi import body_of
from api.jobs.publishing import PublishArguments, schedule, scheduled, tell_schedule
from api.jobs.shapes import JobItem, shown
from api.keys import Key
from api.lookups.moments import read_moment
from api.lookups.points import refuse_unknown
from api.routers.parameters import Lang, Limit, check_within, desk_of, draft_within
from api.schemas.drafts import (
    EDITS,
    Checked,
    Diff,
    Draft,
    DraftList,
    DraftPublished,
    Edited,
    Impact,
    NewDraft,
    PublishQuestion,
)
from api.watch import Watch
from api.worlds import Worlds
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal, refuse
from gis.store.engine import reading, writing
from grids.drafts import records
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Work, Workbench
from grids.edits.drafting import compose

router = APIRouter(prefix="/v1/drafts", tags=["drafts"])

Editor = Annotated[Key, Depends(caller("editor"))]
Publisher = Annotated[Key, Depends(caller("publisher"))]
BASIS = ("document", "number", "date", "text", "url")


@router.post(
    "", response_model=Draft, status_code=201, summary="Begin a draft 新建草稿", openapi_extra=body_of(NewDraft)
)
def begin(request: Request, key: Editor, body: Body) -> Response:
    """A draft over the newest revision, of what begins with `owner`."""
    sent = _object(body)
    refuse_unknown(sent, ("title", "owner"))
    owner, title = _text(sent, "owner", key.prefix), _text(sent, "title", "")
    authorize(request, "editor", owner)
    bench = bench_of(request)
    with writing(bench.store.world) as connection:
        made = records.create_draft(connection, owner, title, key.name)
    return _told(bench, bench.look(made.id), 201, {"Location": f"/v1/drafts/{made.id}"})


@router.get("", response_model=DraftList, summary="The drafts 草稿列表")
def drafts(
    request: Request,
    key: Viewer,
    state: Literal["open", "published", "discarded", "any"] = "open",
    owner: Annotated[str, Query(max_length=60, description="Only drafts whose owner begins so")] = "",
    limit: Limit = 100,
) -> Response:
    """Drafts below the caller's prefix, newest first."""
    prefix = owner if owner.startswith(key.prefix) else key.prefix
    with reading(bench_of(request).store.world) as connection:
        found = records.list_drafts(connection, prefix, None if state == "any" else state, limit)
    return answer({"items": [tell_draft(each) for each in found if each.owner.startswith(owner)]})


@router.get("/{draft_id}", response_model=Draft, summary="One draft 查看草稿")
def show(request: Request, key: Viewer, draft_id: str) -> Response:
    """A draft with its edits. Its ETag is what a publication needs."""
    return _told(bench_of(request), _look(request, key, draft_id))


@router.delete("/{draft_id}", status_code=204, response_class=Response, summary="Discard a draft 废弃草稿")
def discard(request: Request, key: Editor, draft_id: str) -> Response:
    """End a draft without publishing it."""
    draft = _own(request, key, draft_id, "editor")
    with writing(bench_of(request).store.world) as connection:
        records.close_draft(connection, draft, "discarded")
    return Response(status_code=204)


@router.post("/{draft_id}/edits", response_model=Edited, summary="Edit 编辑", openapi_extra=EDITS)
def edit(
    request: Request,
    key: Editor,
    draft_id: str,
    body: Body,
    dry_run: Annotated[bool, Query(description="Only tell what it would come to; nothing is kept")] = False,
) -> Response:
    """One edit or a list of them, all or none: what changes, with notes and findings."""
    sent = parse_deed(body)
    documents = sent if isinstance(sent, list) else [sent]
    if not documents or not all(isinstance(each, Mapping) for each in documents):
        raise refuse(
            "edit_wrong",
            'An edit is an object like {"op": "merge", "units": ["…", "…"]}; send one or a list of them.',
            '编辑应为形如 {"op": "merge", "units": ["…", "…"]} 的对象；可发送一个或一个列表。',
        )
    bench = bench_of(request)
    if dry_run:
        tried = bench.dry_run(draft_id, documents, partial(_allow, request, key, "editor"))
        work, sketch, made, report = tried.work, tried.sketch, tried.made, tried.report
    else:
        draft = _own(request, key, draft_id, "editor")
        version = draft.version if is_meant(request, draft) else None
        work, before = bench.add(draft_id, documents, key.name, version)
        sketch = work.sketch
        made = compose(sketch.steps[before:])
        with reading(bench.store.world) as connection:
            report = bench.find(connection, sketch, made)
    content = {
        "draft": tell_draft(work.draft),
        "dry_run": dry_run,
        "at": sketch.at,
        "changes": tell_changes(made),
        "findings": report.as_dict()["findings"],
    }
    return answer(content, sketch.at, headers={"ETag": etag_of(work.draft)})


@router.post("/{draft_id}/undo", response_model=Draft, summary="Undo the last edit 撤销")
def undo(request: Request, key: Editor, draft_id: str) -> Response:
    """Let the last edit that counts not count."""
    draft, bench = _own(request, key, draft_id, "editor"), bench_of(request)
    is_meant(request, draft)
    with writing(bench.store.world) as connection:
        records.undo_edit(connection, draft)
    return _told(bench, bench.look(draft_id))


@router.post("/{draft_id}/redo", response_model=Draft, summary="Take an undo back 恢复")
def redo(request: Request, key: Editor, draft_id: str) -> Response:
    """Let the edit that was undone last count again."""
    draft, bench = _own(request, key, draft_id, "editor"), bench_of(request)
    is_meant(request, draft)
    with writing(bench.store.world) as connection:
        records.redo_edit(connection, draft)
    return _told(bench, bench.look(draft_id))


@router.get("/{draft_id}/checks", response_model=Checked, summary="Check a draft 检查草稿")
def checks(request: Request, key: Viewer, draft_id: str) -> Response:
    """What the checks find around all that the draft changes."""
    work = _look(request, key, draft_id)
    with reading(bench_of(request).store.world) as connection:
        report = bench_of(request).check(connection, work)
        rules = check_drafted(State(connection, work.sketch, key.scope))
    return answer(tell_report(report, work.sketch.at, rules), work.sketch.at, headers={"ETag": etag_of(work.draft)})


@router.get("/{draft_id}/diff", response_model=Diff, summary="All that a draft changes 草稿差异")
def diff(request: Request, key: Viewer, draft_id: str) -> Response:
    """What ends, what begins, and what becomes of what."""
    work = _look(request, key, draft_id)
    told = {"at": work.sketch.at, "changes": tell_changes(work.sketch.edit)}
    return answer(told, work.sketch.at, headers={"ETag": etag_of(work.draft)})


@router.get("/{draft_id}/impact", response_model=Impact, summary="What a draft means for the rest 草稿影响")
def impact(request: Request, key: Viewer, draft_id: str) -> Response:
    """Areas before and after, components that come into other units, open cases that would go elsewhere."""
    work = _look(request, key, draft_id)
    before, after = (desk_of(request, key, None, each) for each in (None, draft_id))
    told = tell_impact(bench_of(request), work, (before, after), defaults_of(request))
    return answer(told, work.sketch.at, headers={"ETag": etag_of(work.draft)})


@router.post("/{draft_id}/rebase", response_model=Draft, summary="Put a draft on the newest revision 变基")
def rebase(request: Request, key: Editor, draft_id: str) -> Response:
    """Refused with 412 and the other change when what the draft is about was changed meanwhile."""
    draft, bench = _own(request, key, draft_id, "editor"), bench_of(request)
    is_meant(request, draft)
    return _told(bench, bench.rebase(draft_id))


@router.post(
    "/{draft_id}/publish",
    response_model=DraftPublished,
    summary="Publish a draft as one revision 发布草稿",
    openapi_extra=body_of(PublishQuestion),
    responses={202: {"model": JobItem, "description": "With `at`: the job that publishes it then"}},
)
def publish(request: Request, key: Publisher, draft_id: str, body: Body, lang: Lang = "en") -> Response:
    """Needs the draft's own ETag in If-Match. When this answers, lookups know the revision.

    With `at`, a time to come, a job publishes the draft then, as it stands now: checked anew, or told why not.
    """
    sent = _object(body) if body else {}
    refuse_unknown(sent, ("note", "effective_at", "basis", "at"))
    draft, bench = _own(request, key, draft_id, "publisher"), bench_of(request)
    if not is_meant(request, draft):
        raise refuse(
            "if_match_missing",
            "To publish, send the ETag of the draft as you have looked at it in If-Match.",
            "发布时须在 If-Match 中给出所查看草稿的 ETag。",
        )
    at = _time(request, sent, "at")
    if at is not None:
        return _schedule(request, key, draft, sent, at, lang)
    zone = parse_zone(request.app.state.settings.zone)
    since = _time(request, sent, "effective_at")
    wanted = Wanted(draft.version, key.name, _text(sent, "note", ""), since, _basis(sent), zone)
    made = publish_draft(bench, draft_id, wanted)
    worlds: Worlds = request.app.state.worlds
    told: dict[str, Any] = {
        "draft": tell_draft(made.draft),
        "revision": tell_revision(made.revision),
        "changes": tell_changes(made.edit),
        "differing": [],
        "differing_complete": False,
    }
    with suppress(Refusal):  # it is published, whatever becomes of the store now
        worlds.renew_to(made.revision.number)
        watch: Watch = request.app.state.watch
        if watch.spots is not None:
            watch.look()  # single lookups of this process answer of it at once
        told |= tell_differing(bench.store, made, worlds, defaults_of(request))
    return answer(told, made.revision.number, headers={"ETag": etag_of(made.draft)})


def _schedule(
    request: Request, key: Key, draft: records.Draft, sent: Mapping[str, Any], at: datetime, lang: str
) -> Response:
    arguments = PublishArguments(
        draft=draft.id,
        version=draft.version,
        note=_text(sent, "note", ""),
        effective_at=_time(request, sent, "effective_at"),
        basis=_basis(sent),
    )
    bench = bench_of(request)
    job = schedule(bench.store, request.app.state.settings, bench, key, arguments, at)
    return answer(shown(job, lang), status=202, headers={"Location": f"/v1/jobs/{job.id}", "ETag": etag_of(draft)})


def defaults_of(request: Request) -> Defaults:
    """What holds for cases that do not say it."""
    return Defaults(zone=parse_zone(request.app.state.settings.zone), read_crs=request.app.state.systems.parse)


def bench_of(request: Request) -> Workbench:
    """Where drafts are worked out."""
    bench: Workbench = request.app.state.drafts
    return bench


def etag_of(draft: records.Draft) -> str:
    """The tag of a draft's version."""
    return f'"{draft.id}-{draft.version}"'


def is_meant(request: Request, draft: records.Draft) -> bool:
    """Whether If-Match names the draft as it is; False without one. Errors: Refusal draft_changed."""
    given = request.headers.get("if-match")
    if given is None:
        return False
    if etag_of(draft) not in [each.strip() for each in given.split(",")]:
        raise records.draft_changed(draft)
    return True


def _own(request: Request, key: Key, draft_id: str, role: str) -> records.Draft:
    """A draft below the caller's prefix, over which they have a role. Errors: draft_unknown, and those of a key."""
    draft = draft_within(request, key, draft_id)
    _allow(request, key, role, draft)
    return draft


def _allow(request: Request, key: Key, role: str, draft: records.Draft) -> None:
    """Errors: draft_unknown for a draft beyond the caller's prefix, and those of a key."""
    check_within(key, draft)
    authorize(request, role, draft.owner)


def _look(request: Request, key: Key, draft_id: str) -> Work:
    _own(request, key, draft_id, "viewer")
    return bench_of(request).look(draft_id)


def _told(bench: Workbench, work: Work, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tag = {"ETag": etag_of(work.draft), "Vary": "Authorization, X-API-Key"}
    told = {**tell_work(bench, work), "scheduled": tell_schedule(scheduled(bench.store, work.draft.id))}
    return answer(told, work.sketch.at, status, {**tag, **(headers or {})})


def _object(body: bytes) -> Mapping[str, Any]:
    sent = parse_deed(body)
    if not isinstance(sent, Mapping):
        raise _wrong("body", "an object", "对象")
    return sent


def _text(sent: Mapping[str, Any], name: str, default: str) -> str:
    value = sent.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 2000:
        raise _wrong(name, "text", "文本")
    return value


def _time(request: Request, sent: Mapping[str, Any], name: str) -> datetime | None:
    text = _text(sent, name, "")
    if not text:
        return None
    moment = read_moment(text, request.app.state.settings.zone)
    if isinstance(moment, int):
        raise _wrong(name, "a time like 2026-07-01T08:00:00+08:00", "时间，例如 2026-07-01T08:00:00+08:00")
    return moment


def _basis(sent: Mapping[str, Any]) -> dict[str, str] | None:
    basis = sent.get("basis")
    if basis is None:
        return None
    right = isinstance(basis, Mapping) and all(isinstance(each, str) for each in basis.values())
    if not right or not basis.keys() <= set(BASIS):
        raise _wrong("basis", f"an object of texts: {', '.join(BASIS)}", f"文本对象：{'、'.join(BASIS)}")
    return dict(basis)


def _wrong(name: str, form: str, form_zh: str) -> Refusal:
    return refuse("member_wrong", f"{name} must be {form}.", f"{name} 必须是{form_zh}。", thing=name)
