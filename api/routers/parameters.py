"""Parameters that many routes share, and what they lead to."""

from typing import Annotated

from fastapi import Depends, Query, Request

from api.moments import read_moment
from api.problems import language_of
from api.shelf import Shelf
from api.worlds import Worlds
from cases.desk import Desk
from gis.errors import refuse

MOST_ITEMS = 1000

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
