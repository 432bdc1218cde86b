"""The local coordinate systems, by name: their parameters are secret."""

from fastapi import APIRouter, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from api.auth import Viewer
from api.http.bodies import answer
from api.schemas.answers import Shape
from api.systems import list_systems
from gis.store.engine import reading

router = APIRouter(prefix="/v1/crs", tags=["content"])


class SystemItem(Shape):
    """A local system: a name to be used wherever a CRS is named."""

    name: str
    created_at: AwareDatetime


class SystemList(Shape):
    """Local systems, by name."""

    items: list[SystemItem]


@router.get("", response_model=SystemList, summary="Local coordinate systems 地方坐标系名称")
def systems(request: Request, key: Viewer) -> Response:
    """The names that are known here beside EPSG codes, CRS84, GCJ-02 and BD-09. They are kept on the command line."""
    with reading(request.app.state.store.world) as connection:
        found = list(list_systems(connection))
    return answer({"items": [{"name": each.name, "created_at": each.created_at.isoformat()} for each in found]})
