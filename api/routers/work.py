"""Work that is done as jobs: imports, exports, checks, replays, rasters."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.auth import Editor, Publisher, Viewer
from api.editing.findings import check_format
from api.editing.replays import REPORTED, check_rules, ruled_desk
from api.http.bodies import Body, answer, parse_deed, read_question
from api.http.openapi import body_of
from api.jobs import folders
from api.jobs.checking import CHECK, CheckArguments
from api.jobs.checking import check_arguments as check_question
from api.jobs.exporting import EXPORT, ExportArguments
from api.jobs.exporting import check_arguments as check_export
from api.jobs.importing import IMPORT, ImportArguments
from api.jobs.importing import check_arguments as check_import
from api.jobs.intake import INTAKE, IntakeArguments
from api.jobs.intake import check_arguments as check_intake
from api.jobs.kinds import Arguments, Kind
from api.jobs.orders import (
    ImportOrder,
    RasterOrder,
    SurveyOrder,
    import_parameters,
    raster_parameters,
    survey_parameters,
)
from api.jobs.rastering import RASTER, RasterArguments
from api.jobs.rastering import check_arguments as check_raster
from api.jobs.records import make_job, new_id
from api.jobs.replaying import REPLAY, ReplayArguments
from api.jobs.shapes import (
    CheckQuestion,
    DensityQuestion,
    ExportQuestion,
    JobItem,
    ReplayQuestion,
    ZonalQuestion,
    shown,
)
from api.jobs.surfacing import DENSITY, DensityArguments
from api.jobs.surfacing import check_arguments as check_density
from api.jobs.surveying import SURVEY, SurveyArguments
from api.jobs.uploads import Sent, receive
from api.jobs.zoning import ZONAL, ZonalArguments
from api.jobs.zoning import check_arguments as check_zonal
from api.keys import Key
from api.lookups.moments import read_moment, read_time
from api.routers.parameters import Lang, check_alone, draft_within
from api.settings import Settings
from api.transfer.case_orders import CASE_LAYERS, check_fit
from api.transfer.fields import read_mapping
from components.editions import normalise_edition
from gis.errors import refuse
from gis.store.engine import reading
from gis.store.revisions import head, list_revisions, revision_at
from grids.drafts.records import check_open

router = APIRouter(prefix="/v1", tags=["jobs"])

ACCEPTED: dict[str, Any] = {
    "response_model": JobItem,
    "status_code": 202,
    "response_description": "The job; `Location` says where it is",
}


@router.post("/imports", summary="Check or publish a delivery 导入", openapi_extra=import_parameters(), **ACCEPTED)
async def make_import(request: Request, key: Editor, lang: Lang = "en") -> Response:
    """Check a file and, with `commit`, publish it as one revision, or take in its cases or outcomes.

    The options are those of `wangge import`.
    The file is the body, and the options stand in the address; or all of it is a form: `file`, `gaps_file`, fields.
    """
    settings: Settings = request.app.state.settings
    job_id = new_id()
    asked = request.query_params.multi_items()
    with folders.incoming(settings.data, job_id) as folder:
        sent = await receive(request, folder, request.query_params.get("filename"))
        return await run_in_threadpool(_make_import, request, key, lang, job_id, asked, sent, folder)


def _make_import(
    request: Request, key: Key, lang: str, job_id: str, asked: Iterable[tuple[str, str]], sent: Sent, folder: Path
) -> Response:
    settings: Settings = request.app.state.settings
    order = read_question(ImportOrder, _gathered([*asked, *sent.fields]))
    if order.layer in CASE_LAYERS:
        return _make_intake(request, key, lang, job_id, order, sent, folder)
    if not order.reference:
        plain = set(ImportOrder.model_fields) - {"source", "title_en", "license"}
        check_fit(order.layer, order.given(plain))
    effective = read_time(order.effective, settings.zone) if order.effective else None
    said = order.model_dump(exclude={"filename", "not_before", "lang", "effective", "source"})
    arguments = ImportArguments(
        source=order.source or "",
        file=sent.files["file"],
        gaps_file=sent.files.get("gaps_file"),
        scope_file=sent.files.get("scope_file"),
        effective=effective,
        **said,
    )
    check_import(request.app.state.store, arguments, folder / arguments.file)
    return _made_of_files(request, key, lang, IMPORT, arguments, order.not_before, job_id)


def _make_intake(
    request: Request, key: Key, lang: str, job_id: str, order: ImportOrder, sent: Sent, folder: Path
) -> Response:
    known = set(IntakeArguments.model_fields)
    files = [name for name in sent.files if name != "file"]
    check_fit(order.layer, [*order.given({*known, "filename", "not_before", "lang"}), *files])
    arguments = IntakeArguments(file=sent.files["file"], **order.model_dump(include=known))
    check_intake(arguments, folder / arguments.file)
    return _made_of_files(request, key, lang, INTAKE, arguments, order.not_before, job_id)


@router.post("/deliveries", summary="Check a survey delivery 普查验收", openapi_extra=survey_parameters(), **ACCEPTED)
async def make_survey(request: Request, key: Editor, lang: Lang = "en") -> Response:
    """What is wrong with a delivery of components, by rule and by the firm's own rows: `wangge check delivery`.

    Sent like an import. The workbook for the firm is to be fetched from `links.result`. Nothing is changed.
    """
    settings: Settings = request.app.state.settings
    job_id = new_id()
    asked = request.query_params.multi_items()
    with folders.incoming(settings.data, job_id) as folder:
        sent = await receive(request, folder, request.query_params.get("filename"))
        return await run_in_threadpool(_make_survey, request, key, lang, job_id, asked, sent)


def _make_survey(
    request: Request, key: Key, lang: str, job_id: str, asked: Iterable[tuple[str, str]], sent: Sent
) -> Response:
    order = read_question(SurveyOrder, _gathered([*asked, *sent.fields]))
    said = order.model_dump(exclude={"filename", "not_before", "lang"})
    arguments = SurveyArguments(file=sent.files["file"], **said)
    read_mapping(arguments.map)
    return _made_of_files(request, key, lang, SURVEY, arguments, order.not_before, job_id)


@router.post("/exports", summary="Write a layer to a file 导出", openapi_extra=body_of(ExportQuestion), **ACCEPTED)
def make_export(request: Request, key: Viewer, body: Body, lang: Lang = "en") -> Response:
    """A layer as it was at one revision, as a file to fetch from `links.result`."""
    question = read_question(ExportQuestion, parse_deed(body))
    arguments = ExportArguments(
        revision=_revision(request, question.as_of),
        format=(question.format or ("yaml" if question.layer == "rules" else "gpkg")).lower(),
        **question.model_dump(include={"layer", "crs", "prefix", "encoding", "where", "heads", "for_people"}),
    )
    check_export(request.app.state.store, key, arguments)
    return _made(request, key, lang, EXPORT, arguments, question.not_before)


@router.post("/checks", summary="Check a layer 检查图层", openapi_extra=body_of(CheckQuestion), **ACCEPTED)
def make_check(request: Request, key: Viewer, body: Body, lang: Lang = "en") -> Response:
    """What is wrong with a layer; the faults are in the report, and with `format` also a layer to fetch."""
    question = read_question(CheckQuestion, parse_deed(body))
    if question.draft is not None:
        check_alone(None if question.as_of is None else str(question.as_of))
        check_open(draft_within(request, key, question.draft))
    if question.format is not None:
        check_format(question.format.lower())
    revision = None if question.as_of is None else _revision(request, question.as_of)
    arguments = CheckArguments(
        revision=revision,
        format=question.format and question.format.lower(),
        **question.model_dump(include={"layer", "draft", "propose"}),
    )
    check_question(request.app.state.store, key, arguments)
    return _made(request, key, lang, CHECK, arguments, question.not_before)


@router.post(
    "/replays", summary="Send past cases again 历史案件试派", openapi_extra=body_of(ReplayQuestion), **ACCEPTED
)
def make_replay(request: Request, key: Viewer, body: Body, lang: Lang = "en") -> Response:
    """How far the answers agree with what was decided, by department, class and division; the cases that would move."""
    question = read_question(ReplayQuestion, parse_deed(body))
    check_rules(question.rules, question.owner, question.as_of, question.draft)
    if question.rules is not None:
        state = request.app.state
        ruled_desk(state.store, state.worlds, question.rules, question.owner)
    elif question.draft is not None:
        check_alone(None if question.as_of is None else str(question.as_of))
        check_open(draft_within(request, key, question.draft))
    reported = question.as_of == REPORTED
    zone = request.app.state.settings.zone
    arguments = ReplayArguments(
        revision=None if reported or question.as_of is None else _revision(request, question.as_of),
        reported=reported,
        since=read_time(question.since, zone) if question.since else None,
        until=read_time(question.until, zone) if question.until else None,
        **question.model_dump(include={"source", "draft", "handled", "rules", "owner"}),
    )
    return _made(request, key, lang, REPLAY, arguments, question.not_before)


@router.post(
    "/rasters/{name}/zonal", summary="Statistics in zones 分区统计", openapi_extra=body_of(ZonalQuestion), **ACCEPTED
)
def make_zonal(request: Request, key: Viewer, name: str, body: Body, lang: Lang = "en") -> Response:
    """Statistics of the pixels of a raster in each unit, division or area, as a file to fetch from `links.result`."""
    question = read_question(ZonalQuestion, parse_deed(body))
    arguments = ZonalArguments(
        raster=name,
        revision=_revision(request, question.as_of),
        stats=tuple(question.stats),
        **question.model_dump(include={"by", "band", "format", "prefix"}),
    )
    check_zonal(request.app.state.store, key, arguments)
    return _made(request, key, lang, ZONAL, arguments, question.not_before)


@router.post("/rasters", summary="Register a raster 登记栅格", openapi_extra=raster_parameters(), **ACCEPTED)
async def make_raster(request: Request, key: Publisher, lang: Lang = "en") -> Response:
    """Check a GeoTIFF, keep it as a COG and register it under `name`: the options of `wangge rasters add`.

    The file is the body (with `filename`), and the options stand in the address; or all of it is a form with `file`.
    """
    job_id = new_id()
    asked = request.query_params.multi_items()
    with folders.incoming(request.app.state.settings.data, job_id) as folder:
        sent = await receive(request, folder, request.query_params.get("filename"))
        return await run_in_threadpool(_make_raster, request, key, lang, job_id, asked, sent, folder)


def _make_raster(
    request: Request, key: Key, lang: str, job_id: str, asked: Iterable[tuple[str, str]], sent: Sent, folder: Path
) -> Response:
    order = read_question(RasterOrder, _gathered([*asked, *sent.fields]))
    said = order.model_dump(exclude={"filename", "not_before", "lang"})
    arguments = RasterArguments(file=sent.files["file"], **said)
    RASTER.allow(key, arguments)
    check_raster(request.app.state.store, request.app.state.settings, arguments, folder / arguments.file)
    return _made_of_files(request, key, lang, RASTER, arguments, order.not_before, job_id)


@router.post("/densities", summary="Density surface 密度面", openapi_extra=body_of(DensityQuestion), **ACCEPTED)
def make_density(request: Request, key: Viewer, body: Body, lang: Lang = "en") -> Response:
    """How densely components or cases lie, as a GeoTIFF to fetch from `links.result`."""
    question = read_question(DensityQuestion, parse_deed(body))
    of_cases = question.what == "cases"
    edition = normalise_edition(question.edition) if question.edition else None
    arguments = DensityArguments(
        revision=None if of_cases else _revision(request, question.as_of),
        until=_until(request, question.as_of) if of_cases else None,
        edition=edition,
        **question.model_dump(include={"what", "cell", "bandwidth", "class_code", "crs"}),
    )
    check_density(request.app.state.store, arguments)
    return _made(request, key, lang, DENSITY, arguments, question.not_before)


def _until(request: Request, as_of: int | str | None) -> datetime | None:
    """The time that a moment means for what is not revisioned: of a revision, when it was recorded."""
    if as_of is None:
        return None
    moment = read_moment(str(as_of), request.app.state.settings.zone)
    if isinstance(moment, datetime):
        return moment
    with reading(request.app.state.store.world) as connection:
        return list_revisions(connection, revision_at(connection, moment) - 1, 1)[0].recorded_at


def _revision(request: Request, as_of: int | str | None) -> int:
    """The revision that is meant, the newest without a moment. Errors: those of `revision_at`."""
    zone = request.app.state.settings.zone
    with reading(request.app.state.store.world) as connection:
        return head(connection) if as_of is None else revision_at(connection, read_moment(str(as_of), zone))


def _made_of_files(
    request: Request, key: Key, lang: str, kind: Kind[Any], arguments: Arguments, not_before: str | None, job_id: str
) -> Response:
    """The same for a job whose files came in."""
    data = request.app.state.settings.data
    folders.keep(data, job_id)
    try:
        return _made(request, key, lang, kind, arguments, not_before, job_id)
    except BaseException:
        folders.drop_folder(data, job_id)
        raise


def _made(
    request: Request,
    key: Key,
    lang: str,
    kind: Kind[Any],
    arguments: Arguments,
    not_before: str | None,
    job_id: str | None = None,
) -> Response:
    """Put the job down, wake whoever runs jobs here, and tell where it is."""
    settings: Settings = request.app.state.settings
    kind.allow(key, arguments)
    job = make_job(
        request.app.state.store,
        key,
        kind.name,
        arguments.model_dump(mode="json"),
        folders.place_of(settings.data),
        job_id=job_id,
        not_before=read_time(not_before, settings.zone) if not_before else None,
    )
    request.app.state.runner.wake()
    return answer(shown(job, lang), status=202, headers={"Location": f"/v1/jobs/{job.id}"})


def _gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Parameters and fields by their names; `map` and `set` may come more than once. What is empty was not said."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in ("map", "set") and value:
            found.setdefault(name, []).append(value)
        elif value and found.setdefault(name, value) != value:
            raise refuse(
                "parameter_wrong",
                f"The parameter {name[:80]} is given twice, and differently.",
                f"参数 {name[:80]} 给出两次且不一致。",
                thing=name[:80],
            )
    return found
