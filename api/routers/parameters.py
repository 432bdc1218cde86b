"""Parameters that many routes share, and what they lead to."""

from contextlib import suppress
from typing import Annotated

from fastapi import Depends, Query, Request

from api.http.problems import language_of
from api.keys import Key
from api.lookups.moments import read_moment
from api.shelf import Shelf
from api.watch import Watch
from api.worlds import Worlds
from cases.desk import Desk
from cases.drafting import drafted_desk
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading
from grids.drafts.records import Draft, check_open, draft_unknown, find_draft
from grids.drafts.workbench import Work, Workbench

MOST_ITEMS = 1000

DraftId = Annotated[
    str | None, Query(alias="draft", max_length=60, description="As this draft would have it; not with as_of")
]
AsOf = Annotated[str | None, Query(max_length=60, description="A revision's number, or a time; default: now")]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Most items in the answer")]
After = Annotated[str | None, Query(max_length=300, description="`next` of the answer before")]


def _language(request: Request) -> str:
    return language_of(request.scope)


Lang = Annotated[str, Depends(_language)]


def desk_at(request: Request, as_of: str | None) -> Desk:
    """The desk of the moment asked for. Errors: time_wrong, revision_unknown, before_history, store_down."""
    worlds: Worlds = request.app.state.worlds
    return worlds.at(None if as_of is None else read_moment(as_of, request.app.state.settings.zone))


def desk_of(request: Request, key: Key, as_of: str | None, draft: str | None) -> Desk:
    """The desk of a moment, or as a draft leaves it. Errors: as for `desk_at`; those of `work_of`."""
    if draft is None:
        return desk_at(request, as_of)
    work = work_of(request, key, as_of, draft)
    worlds: Worlds = request.app.state.worlds
    store: Store = request.app.state.store
    drafted: Shelf = request.app.state.drafted

    def make() -> Desk:
        desk = worlds.at(work.sketch.at)
        with reading(store.world) as connection:
            return drafted_desk(connection, desk, work.sketch, worlds.private_heap(desk))

    return drafted.get(work.key, make)


def work_of(request: Request, key: Key, as_of: str | None, draft: str) -> Work:
    """A draft worked out on the newest revision that lookups know, or on its base where that is as far as it gets.

    Errors: Refusal draft_unknown, draft_closed, moment_twice.
    """
    check_alone(as_of)
    known = draft_within(request, key, draft)
    check_open(known)
    worlds: Worlds = request.app.state.worlds
    newest = worlds.newest().revision
    newest = newest if newest >= known.base else worlds.renew_to(known.base).revision
    bench: Workbench = request.app.state.drafts
    with reading(bench.store.world) as connection:
        return bench.work_out(connection, known, newest)


def check_alone(as_of: str | None) -> None:
    """Refuse a moment beside a draft. Errors: Refusal moment_twice."""
    if as_of is not None:
        raise refuse(
            "moment_twice",
            "as_of and draft exclude each other: a draft is of its own revision.",
            "as_of 与 draft 不能同时使用：草稿有其自身所基于的版本。",
        )


def draft_within(request: Request, key: Key, draft_id: str) -> Draft:
    """A draft below the caller's prefix. Errors: Refusal draft_unknown."""
    bench: Workbench = request.app.state.drafts
    with reading(bench.store.world) as connection:
        draft = find_draft(connection, draft_id)
    check_within(key, draft)
    return draft


def check_within(key: Key, draft: Draft) -> None:
    """Errors: Refusal draft_unknown for a draft that is not below the caller's prefix."""
    if not draft.owner.startswith(key.prefix):
        raise draft_unknown(draft.id)


def number_at(request: Request, as_of: str | None) -> int:
    """The revision's number of the moment asked for. Errors: as for `desk_at`."""
    worlds: Worlds = request.app.state.worlds
    if as_of is None:
        return worlds.newest_number()
    return worlds.number(read_moment(as_of, request.app.state.settings.zone))


def shelf_of(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


def read_after(after: str | None) -> tuple[str, int] | None:
    """The (code, uid) at which a page ended. Errors: Refusal after_wrong."""
    if after is None:
        return None
    uid, separator, code = after.partition("~")
    if not (separator and uid.isascii() and uid.isdigit() and len(uid) <= 16):
        raise refuse(
            "after_wrong",
            "`after` must be what an earlier answer gave as `next`.",
            "参数 after 必须取自上一页结果的 next。",
        )
    return code, int(uid)


def write_after(code: str, uid: int) -> str:
    """The mark of the place where a page ends; the uid first, for a code may hold anything."""
    return f"{uid}~{code}"


def make_known(request: Request, number: int) -> None:
    """Let lookups of this process know a revision that it has just published, as far as the store lets it."""
    worlds: Worlds = request.app.state.worlds
    watch: Watch = request.app.state.watch
    with suppress(Refusal):  # it is published, whatever becomes of the store now
        worlds.renew_to(number)
        if watch.spots is not None:
            watch.look()  # single lookups of this process answer of it at once
