"""Whether the process lives, and whether it can answer."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.http.bodies import answer
from api.schemas.answers import Alive, Ready
from api.worlds import Worlds
from gis.errors import refuse

router = APIRouter(tags=["operation"])


@router.get("/healthz", response_model=Alive, summary="The process lives 进程存活")
def healthz() -> Response:
    """Answers 200 whatever else is the matter."""
    return answer({"status": "ok"})


@router.get("/readyz", response_model=Ready, summary="Lookups can be answered 服务就绪")
def readyz(request: Request) -> Response:
    """200 when lookups can be answered, `degraded` while they are without the store; else 503."""
    worlds: Worlds = request.app.state.worlds
    desk = worlds.newest()
    if desk.revision == 0:
        raise refuse(
            "nothing_published",
            "Nothing was published yet: import divisions and units first.",
            "尚未发布任何数据：请先导入行政区划和单元网格。",
            kind="unavailable",
        )
    status, store = ("ready", "up") if worlds.store_is_up else ("degraded", "down")
    age = round(worlds.age_s, 3)
    return answer({"status": status, "revision": desk.revision, "age_s": age, "store": store}, desk.revision)
