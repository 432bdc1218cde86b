"""The catalogue of classes, and what became of them from edition to edition."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.routers.parameters import AsOf, number_at, shelf_of
from api.schemas.catalogue import Catalogue, ClassCrosswalk, ClassItem, Kind
from components.catalogue import Class, built_in, list_classes, majors_of
from components.crosswalk import FROM, TO, Line, lines
from components.editions import normalise_edition
from components.search import search_classes
from gis.store.engine import Store, reading
from gis.store.scope import Scope

router = APIRouter(prefix="/v1/catalogue", tags=["content"])

MEMBERS = tuple(ClassItem.model_fields)
NULLS = frozenset({"geometry_type", "accuracy_class"})


@router.get("", response_model=Catalogue, summary="Classes of components and matters 部件事项目录")
def catalogue(
    request: Request,
    key: Viewer,
    edition: Annotated[str | None, Query(max_length=60, description="2026, 2013, or one of your own")] = None,
    kind: Kind | None = None,
    q: Annotated[
        str | None, Query(max_length=100, description="A code, a name in Chinese or English, pinyin or its initials")
    ] = None,
    owner: Annotated[
        str | None, Query(max_length=60, description="Only what holds in this division: the standard's, and local ones")
    ] = None,
    as_of: AsOf = None,
) -> Response:
    """The national classes and the local ones of the owners in scope, by edition (the newest first), kind and code.

    With `q` the closest come first.
    """
    number, store = number_at(request, as_of), request.app.state.store
    classes = shelf_of(request).get(("catalogue", number, key.scope), lambda: _classes(store, key.scope, number))
    if edition:
        wanted = normalise_edition(edition)
        classes = [each for each in classes if each.edition == wanted]
    classes = [each for each in classes if kind in (None, each.kind) and (owner or each.owner).startswith(each.owner)]
    found = search_classes(classes, q or "")
    majors = [{name: getattr(each, name) for name in each.__slots__} for each in majors_of(found)]
    return answer({"classes": [_shown(each) for each in found], "majors": majors}, number)


@router.get("/crosswalk", response_model=ClassCrosswalk, summary="Classes of 2013 in the edition 2026 类别对照表")
def crosswalk(
    key: Viewer,
    kind: Kind | None = None,
    code: Annotated[str | None, Query(max_length=60, description="A class of either edition")] = None,
) -> Response:
    """What became of each class, how that is known, and of which it is not known."""
    names = {each.key: each.name_zh for each in built_in()}
    found = [each for each in lines() if kind in (None, each.kind) and code in (None, each.from_code, each.to_code)]
    told = [told_line(each, names) for each in found]
    return answer({"from_edition": FROM, "to_edition": TO, "lines": told})


def told_line(line: Line, names: dict[tuple[str, str, str], str]) -> dict[str, Any]:
    """A line of the crosswalk with the names of both classes."""
    return {
        **{name: getattr(line, name) for name in line.__slots__},
        "from_name_zh": names[FROM, line.kind, line.from_code],
        "to_name_zh": line.to_code and names[TO, line.kind, line.to_code],
    }


def _classes(store: Store, scope: Scope, number: int) -> list[Class]:
    with reading(store.world) as connection:
        return list_classes(connection, scope, number)


def _shown(each: Class) -> dict[str, Any]:
    members = {name: getattr(each, name) for name in MEMBERS}
    return {name: None if name in NULLS and not value else value for name, value in members.items()}
