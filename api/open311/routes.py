"""The routes of GeoReport v2 under /open311/v2, and service discovery."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import Viewer, authorize
from api.open311.forms import read_form
from api.open311.requests import case_of, find_request, find_requests, id_of, name_of, read_wanted, told_requests
from api.open311.services import definition_of, key_of, listed, service_unknown
from api.open311.writing import GeoReportRoute, answered
from api.routers.cases import defaults_of, intake
from api.routers.parameters import number_at, shelf_of
from components.catalogue import Class, ClassKey, list_classes
from gis.errors import refuse
from gis.store.engine import Store, reading
from gis.store.scope import Scope

ROOT = "/open311/v2"
CHANGED = "2026-11-23T00:00:00Z"
"""When the meaning of something here was changed last."""
MOST_IDS = 1000

router = APIRouter(prefix=ROOT, tags=["open311"], route_class=GeoReportRoute)

Form = Annotated[Literal["json", "xml"], Path(description="json or xml")]
Fields = Annotated[dict[str, str], Depends(read_form)]
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["service_code", "lat", "long"],
                    "properties": {
                        name: {"type": "string"}
                        for name in ("service_code", "lat", "long", "api_key", "attribute[component_code]")
                    },
                }
            }
        },
    }
}


@router.get("/discovery.{form}", summary="Where the API is 服务发现", response_class=Response)
def discover(request: Request, form: Form) -> Response:
    """Service discovery. Needs no key."""
    public = request.app.state.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    formats = ["text/xml", "application/json"]
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": f"{public}{ROOT}",
        "changeset": CHANGED,
        "type": "production",
        "formats": formats,
    }
    keys = "Keys are made on the server: wangge keys create NAME --role inspector"
    told = {"changeset": CHANGED, "contact": f"{public}/docs", "key_service": keys, "endpoints": [endpoint]}
    return answered(told, form, "discovery")


@router.get("/services.{form}", summary="The services 服务列表", response_class=Response)
def services(request: Request, key: Viewer, form: Form) -> Response:
    """Every class of the catalogue as a service."""
    return answered(listed(_classes(request, key.scope)), form, "services", "service")


@router.get("/services/{service_code}.{form}", summary="What a request may say 服务定义", response_class=Response)
def service(request: Request, key: Viewer, service_code: str, form: Form) -> Response:
    """The attributes of a service; none of them is needed."""
    known = _known(request, key.scope, service_code)
    return answered(definition_of(known), form, "service_definition")


@router.get("/requests.{form}", summary="Requests 请求列表", response_class=Response)
def requests(request: Request, key: Viewer, form: Form) -> Response:
    """`service_request_id` (several with commas, instead of all else), `service_code start_date end_date status`.

    Those of the last 90 days, at most 1000, those received last first.
    """
    query = request.query_params
    store: Store = request.app.state.store
    ids = [each for each in query.get("service_request_id", "").split(",") if each][:MOST_IDS]
    wanted = None if ids else read_wanted(query, request.app.state.settings.zone)
    with reading(store.log) as log:
        if wanted is None:
            rows = [row for each in ids if (row := find_request(log, each, key.prefix)) is not None]
        else:
            rows = find_requests(log, wanted, key.prefix)
    told = told_requests(rows, _names(request, key.scope), defaults_of(request, request.app.state.worlds.newest()))
    return answered(told, form, "service_requests", "request")


@router.get("/requests/{service_request_id}.{form}", summary="One request 单个请求", response_class=Response)
def one_request(request: Request, key: Viewer, service_request_id: str, form: Form) -> Response:
    """What is decided on a case now; `agency_responsible` is the department's name."""
    store: Store = request.app.state.store
    with reading(store.log) as log:
        row = find_request(log, service_request_id, key.prefix)
    if row is None:
        source, case_id = name_of(service_request_id)
        raise refuse(
            "case_unknown",
            f"No case {case_id[:80]} of the source {source[:80]} was taken in.",
            f"未受理过来源 {source[:80]} 的案件 {case_id[:80]}。",
            kind="missing",
        )
    told = told_requests([row], _names(request, key.scope), defaults_of(request, request.app.state.worlds.newest()))
    return answered(told, form, "service_requests", "request")


@router.post(
    "/requests.{form}",
    status_code=201,
    summary="Report something 提交请求",
    response_class=Response,
    openapi_extra=FORM,
)
async def report(request: Request, fields: Fields, form: Form) -> Response:
    """Take in a case, as `POST /v1/cases` does. `api_key` may stand in the form."""
    return await run_in_threadpool(_report, request, fields, form)


def _report(request: Request, fields: dict[str, str], form: str) -> Response:
    request.state.secret = fields.get("api_key") or None
    key = authorize(request, "inspector")
    if not fields.get("service_code"):
        raise refuse("service_missing", "service_code must be given.", "必须给出 service_code。")
    known = _known(request, key.scope, fields["service_code"])
    decision, _ = intake(request, key, case_of(fields, known))
    told = {"service_request_id": id_of(decision.source, decision.case_id), "service_notice": None, "account_id": None}
    return answered([told], form, "service_requests", "request", 201)


def _classes(request: Request, scope: Scope) -> list[Class]:
    number, store = number_at(request, None), request.app.state.store

    def read() -> list[Class]:
        with reading(store.world) as connection:
            return list_classes(connection, scope, number)

    found: list[Class] = shelf_of(request).get(("catalogue", number, scope), read)
    return found


def _known(request: Request, scope: Scope, service_code: str) -> ClassKey:
    """The class of a service. Errors: Refusal service_unknown."""
    key = key_of(service_code)
    if all(each.key != key for each in _classes(request, scope)):
        raise service_unknown(service_code)
    return key


def _names(request: Request, scope: Scope) -> dict[ClassKey, str]:
    return {each.key: each.name_zh or each.name_en for each in _classes(request, scope)}
