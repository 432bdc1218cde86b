"""Search by names, codes and coordinates."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.lookups.points import read_point
from api.schemas.search import SearchAnswer
from api.search.searching import KINDS, Searcher, Wanted
from api.worlds import Worlds
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal, refuse

router = APIRouter(prefix="/v1", tags=["content"])

LONGEST = 200
MOST = 50


@router.get("/search", response_model=SearchAnswer, summary="Search by name, pinyin, code or coordinates 搜索")
def search(
    request: Request,
    key: Viewer,
    q: Annotated[
        str, Query(description="A name in Chinese or English, pinyin or its initials, a code, or coordinates")
    ],
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most hits")] = 10,
    kinds: Annotated[
        str | None, Query(max_length=200, description=f"Only these, by commas: {', '.join(KINDS)}")
    ] = None,
    near: Annotated[
        str | None, Query(max_length=60, description="lon,lat in CRS84: of equally close hits the nearest come first")
    ] = None,
    crs: Annotated[
        str | None, Query(max_length=4000, description="Of coordinates in q; default CRS84, never guessed")
    ] = None,
) -> Response:
    """Coordinates, then whole codes and names, then what begins so, then pinyin, then what holds it."""
    if len(q) > LONGEST:
        raise refuse(
            "search_too_long",
            f"A search has at most {LONGEST} characters, this one has {len(q)}.",
            f"搜索内容最多 {LONGEST} 个字符，现有 {len(q)} 个。",
        )
    worlds: Worlds = request.app.state.worlds
    desk = worlds.newest()
    state = request.app.state
    defaults = desk.defaults(Defaults(zone=parse_zone(state.settings.zone), read_crs=state.systems.parse))
    wanted = Wanted(q, limit, _kinds(kinds), _near(near), crs or None)
    searcher = Searcher(state.store, state.naming, state.systems, defaults)
    hits = searcher.search(desk, key, wanted)
    return answer({"q": q, "revision": desk.revision, "hits": hits}, desk.revision)


def _kinds(text: str | None) -> frozenset[str]:
    if text is None:
        return frozenset(KINDS)
    named = {each.strip() for each in text.split(",") if each.strip()}
    unknown = sorted(named - set(KINDS))
    if unknown:
        raise refuse(
            "search_kind_unknown",
            f"There is no kind '{unknown[0][:60]}' to search; there are {', '.join(KINDS)}.",
            f"没有可搜索的种类“{unknown[0][:60]}”；可用：{'、'.join(KINDS)}。",
        )
    return frozenset(named)


def _near(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    parts = text.split(",")
    try:
        lon, lat = (float(part) for part in parts)
        found = read_point(lon, lat, "CRS84")
    except (ValueError, Refusal):
        raise refuse(
            "near_wrong",
            f"near must be lon,lat in degrees, as 114.05,22.54, not '{text[:60]}'.",
            f"near 必须是“经度,纬度”，例如 114.05,22.54，不能是“{text[:60]}”。",
        ) from None
    return float(found[0, 0]), float(found[0, 1])
