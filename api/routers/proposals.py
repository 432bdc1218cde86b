"""Proposals (待审核): listed, accepted, rejected, withdrawn; and the policies that say what needs one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Editor, Inspector, Viewer, authorize
from api.editing.registering import today
from api.editing.reviewing import FILTERS, MOST, accept_proposals, reject_proposals
from api.http.bodies import Body, answer, parse_deed
from api.http.openapi import body_of
from api.http.problems import problem
from api.keys import Key
from api.lookups.points import refuse_unknown
from api.routers.drafts import bench_of
from api.routers.parameters import Lang, Limit, make_known
from api.schemas.components import Decision, DecisionAnswer, PolicyItem, PolicyList, ProposalItem, ProposalList
from components.editions import normalise_edition
from components.policies import MEMBERS, make_policy, put_policy, read_policies
from components.proposals import Proposal, Which, check_open, close, closed, find_proposal, list_proposals
from components.review import Reviewed
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading, writing

router = APIRouter(prefix="/v1", tags=["components"])

Text = Annotated[str | None, Query(max_length=60)]
VARY = {"Vary": "Authorization, X-API-Key"}


@router.get("/proposals", response_model=ProposalList, summary="Proposed changes of components 待审核变更")
def proposals(
    request: Request,
    key: Viewer,
    state: Literal["open", "accepted", "rejected", "withdrawn", "any"] = "open",
    division: Annotated[str, Query(max_length=60, description="Only where the unit's code begins so")] = "",
    edition: Text = None,
    class_code: Text = None,
    author: Annotated[str | None, Query(max_length=200, description="Id or name of the key that made them")] = None,
    code: Text = None,
    deed: Literal["register", "change", "move", "retire"] | None = None,
    after: Annotated[int | None, Query(ge=0, le=2**53, description="`next` of the answer before")] = None,
    limit: Limit = 100,
    f: Annotated[Literal["json", "geojson"], Query(description="geojson: features at their places")] = "json",
) -> Response:
    """Those whose component is kept, or stands, below the caller's prefix; the oldest first."""
    edition = normalise_edition(edition) if edition else None
    which = Which(None if state == "any" else state, key.prefix, division, edition, class_code, author, code, deed)
    found = list_proposals(request.app.state.store, which, limit + 1, after)
    following = str(found[limit - 1].position) if len(found) > limit else None
    items = [each.as_dict() for each in found[:limit]]
    if f == "geojson":
        features = [_feature(each) for each in items]
        return answer({"type": "FeatureCollection", "features": features, "next": following}, headers=VARY)
    return answer({"items": items, "next": following}, headers=VARY)


@router.post(
    "/proposals/accept",
    response_model=DecisionAnswer,
    summary="Accept proposals together 批量接受",
    openapi_extra=body_of(Decision),
)
def accept_all(request: Request, key: Editor, body: Body, lang: Lang = "en") -> Response:
    """Those that still fit become one revision; the others stay open, each with its error."""
    found, reason = _meant(request, key, body)
    reviewed = _accept(request, key, found, reason)
    return _told(found, reviewed, lang)


@router.post(
    "/proposals/reject",
    response_model=DecisionAnswer,
    summary="Reject proposals together 批量驳回",
    openapi_extra=body_of(Decision),
)
def reject_all(request: Request, key: Editor, body: Body, lang: Lang = "en") -> Response:
    """With a reason, which their authors read."""
    found, reason = _meant(request, key, body)
    return _told(found, reject_proposals(bench_of(request), key, found, reason), lang)


@router.get("/proposals/{proposal_id}", response_model=ProposalItem, summary="One proposal 查看提议")
def show(request: Request, key: Viewer, proposal_id: str) -> Response:
    """What was proposed, by whom, and what became of it."""
    return answer(find_proposal(request.app.state.store, proposal_id, key.prefix).as_dict(), headers=VARY)


@router.delete("/proposals/{proposal_id}", response_model=ProposalItem, summary="Withdraw a proposal 撤回提议")
def withdraw(request: Request, key: Inspector, proposal_id: str) -> Response:
    """By its author alone, while it is open."""
    store: Store = request.app.state.store
    found = find_proposal(store, proposal_id, key.prefix)
    check_open(found)
    if found.author != key.id:
        raise refuse(
            "proposal_of_another",
            "Only its author withdraws a proposal; an editor rejects it.",
            "只有提议人可以撤回提议；编辑可驳回。",
            kind="forbidden",
        )
    if not close(store, [proposal_id], "withdrawn", key.id):
        raise closed(find_proposal(store, proposal_id))
    return answer(find_proposal(store, proposal_id).as_dict(), headers=VARY)


@router.post(
    "/proposals/{proposal_id}/accept",
    response_model=ProposalItem,
    summary="Accept a proposal 接受提议",
    openapi_extra=body_of(Decision),
)
def accept_one(request: Request, key: Editor, proposal_id: str, body: Body) -> Response:
    """One revision. 409 `proposal_conflict` with both versions where the component was changed since."""
    _, reason = _decision(body)
    found = find_proposal(request.app.state.store, proposal_id, key.prefix)
    return _one(request, found, _accept(request, key, [found], reason))


@router.post(
    "/proposals/{proposal_id}/reject",
    response_model=ProposalItem,
    summary="Reject a proposal 驳回提议",
    openapi_extra=body_of(Decision),
)
def reject_one(request: Request, key: Editor, proposal_id: str, body: Body) -> Response:
    """With a reason."""
    _, reason = _decision(body)
    found = find_proposal(request.app.state.store, proposal_id, key.prefix)
    return _one(request, found, reject_proposals(bench_of(request), key, [found], reason))


@router.get("/catalogue/policies", response_model=PolicyList, summary="What is wanted of classes 类别管理规定")
def policies(request: Request, key: Viewer) -> Response:
    """Reviews, forms of codes and schemas of further attributes, by owner, edition and class."""
    with reading(request.app.state.store.world) as connection:
        known = read_policies(connection).known
    return answer({"items": [each.as_dict() for each in known if key.scope.allows_owner(each.owner)]}, headers=VARY)


@router.put(
    "/catalogue/policies",
    response_model=PolicyItem,
    summary="Set a policy 设置类别管理规定",
    openapi_extra=body_of(PolicyItem),
)
def set_policy(request: Request, key: Editor, body: Body) -> Response:
    """In the place of the one for the same owner, edition and class. Members that are null say nothing."""
    sent = _object(body)
    refuse_unknown(sent, ("owner", "edition", "class_code", *MEMBERS))
    for name in ("owner", "edition", "class_code"):
        if not isinstance(sent.get(name, ""), str):
            raise refuse("member_wrong", f"{name} must be text.", f"{name} 必须是文本。", thing=name)
    owner, edition, class_code = (str(sent.get(name, "")) for name in ("owner", "edition", "class_code"))
    authorize(request, "publisher", owner)
    policy = make_policy(owner, edition, class_code, {name: sent.get(name) for name in MEMBERS})
    with writing(request.app.state.store.world) as connection:
        put_policy(connection, policy, key.name)
    return answer(policy.as_dict())


def _accept(request: Request, key: Key, found: Sequence[Proposal], reason: str) -> Reviewed:
    bench, zone = bench_of(request), request.app.state.settings.zone
    reviewed = accept_proposals(bench, key, found, reason, today(zone))
    if reviewed.revision is not None:
        make_known(request, reviewed.revision.number)
    return reviewed


def _one(request: Request, found: Proposal, reviewed: Reviewed) -> Response:
    if found.id in reviewed.refused:
        raise reviewed.refused[found.id]
    number = reviewed.revision.number if reviewed.revision else None
    return answer(find_proposal(request.app.state.store, found.id).as_dict(), number, headers=VARY)


def _told(found: Sequence[Proposal], reviewed: Reviewed, lang: str) -> Response:
    items = [
        {"id": each.id, "code": reviewed.codes[each.id] or None}
        if each.id in reviewed.codes
        else {"id": each.id, "error": problem(reviewed.refused[each.id], lang)}
        for each in found
    ]
    number = reviewed.revision.number if reviewed.revision else None
    return answer({"revision": number, "decided": len(reviewed.codes), "items": items}, number, headers=VARY)


def _meant(request: Request, key: Key, body: bytes) -> tuple[list[Proposal], str]:
    """The proposals that a decision means, and its reason. Errors: Refusal decision_wrong, proposal_unknown."""
    sent, reason = _decision(body)
    ids, asked = sent.get("ids"), sent.get("filter")
    if (ids is None) == (asked is None):
        raise _wrong()
    if ids is not None:
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise _wrong()
        wanted = list(dict.fromkeys(ids))[: MOST + 1]
        found = list_proposals(request.app.state.store, Which(None, key.prefix, ids=tuple(wanted)), MOST + 1)
        missing = sorted(set(wanted) - {each.id for each in found})
        if missing:
            raise refuse(
                "proposal_unknown",
                f"There is no proposal {missing[0][:60]}.",
                f"没有提议 {missing[0][:60]}。",
                kind="missing",
                thing=missing[0][:60],
            )
        return found, reason
    if not isinstance(asked, Mapping) or not all(isinstance(each, str) for each in asked.values()):
        raise _wrong()
    refuse_unknown(asked, FILTERS)
    named = {**asked, "edition": normalise_edition(asked["edition"])} if asked.get("edition") else dict(asked)
    return list_proposals(request.app.state.store, Which("open", key.prefix, **named), MOST + 1), reason


def _decision(body: bytes) -> tuple[Mapping[str, Any], str]:
    sent = _object(body) if body else {}
    refuse_unknown(sent, ("ids", "filter", "reason"))
    reason = sent.get("reason") or ""
    if not isinstance(reason, str):
        raise refuse("member_wrong", "reason must be text.", "reason 必须是文本。", thing="reason")
    return sent, reason


def _object(body: bytes) -> Mapping[str, Any]:
    sent = parse_deed(body)
    if not isinstance(sent, Mapping):
        raise refuse("body_wrong", "The body must be a JSON object.", "请求体必须是 JSON 对象。")
    return sent


def _wrong() -> Refusal:
    return refuse(
        "decision_wrong",
        f"Give ids (a list of texts) or filter (an object with {', '.join(FILTERS)}), one of both.",
        f"请给出 ids（文本列表）或 filter（可含 {'、'.join(FILTERS)}），二者取一。",
    )


def _feature(item: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: value for name, value in item.items() if name not in ("where", "geometry", "id")}
    return {"type": "Feature", "id": item["id"], "geometry": item["where"], "properties": properties}
