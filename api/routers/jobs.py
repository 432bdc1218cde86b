"""Jobs: how far they are, what they gave, and their end."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import FileResponse, Response

from api.auth import Viewer
from api.bulk.moved import FORMATS
from api.http.bodies import answer
from api.jobs import folders
from api.jobs.records import Job, cancel_job, find_job, list_jobs
from api.jobs.shapes import JobItem, JobList, shown
from api.keys import Key
from api.routers.parameters import Lang, Limit
from gis.errors import Refusal, refuse
from gis.store.engine import reading

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

SOON = {"Retry-After": "1"}


@router.get("", response_model=JobList, summary="My jobs 任务列表")
def jobs(
    request: Request,
    key: Viewer,
    lang: Lang = "en",
    state: Literal["waiting", "running", "done", "failed", "cancelled"] | None = None,
    after: Annotated[str | None, Query(max_length=60, description="`next` of the answer before")] = None,
    limit: Limit = 100,
) -> Response:
    """The jobs that the caller made, the newest first; admins see those of everybody within their prefix."""
    with reading(request.app.state.store.log) as connection:
        found = list_jobs(connection, key, state, after, limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return answer({"items": [shown(each, lang) for each in found[:limit]], "next": following})


@router.get("/{job_id}", response_model=JobItem, summary="One job 任务进度")
def one_job(request: Request, key: Viewer, job_id: str, lang: Lang = "en") -> Response:
    """Its state, how far it is, its result, and where its report and its file are."""
    found = _job(request, key, job_id)
    return answer(shown(found, lang), headers={} if found.has_ended else SOON)


@router.get("/{job_id}/result", summary="What a job gave 任务结果")
def result(
    request: Request,
    key: Viewer,
    job_id: str,
    form: Annotated[
        str | None, Query(alias="format", max_length=20, description="Of a replay: csv (default), parquet or geojson")
    ] = None,
) -> Response:
    """The file of an export, a check or a replay; of other jobs the result as JSON."""
    found = _job(request, key, job_id)
    if found.file is not None:
        return _file(request, found, found.file if form is None else _beside(found.file, form))
    if found.result is None:
        raise _nothing(found)
    return answer(found.result)


@router.get("/{job_id}/report", summary="The report of a job 任务报告")
def report(request: Request, key: Viewer, job_id: str) -> Response:
    """Everything that was found, each fault with its code, row and place."""
    found = _job(request, key, job_id)
    if found.report is None:
        raise _nothing(found)
    return _file(request, found, found.report)


@router.delete(
    "/{job_id}",
    response_model=JobItem,
    responses={202: {"model": JobItem, "description": "It ends at its next step"}},
    summary="Cancel a job 取消任务",
)
def cancel(request: Request, key: Viewer, job_id: str, lang: Lang = "en") -> Response:
    """A waiting job ends at once, a running one at its next step; what is being published is not cancelled half way."""
    ended = cancel_job(request.app.state.store, job_id, key)
    if ended.has_ended:
        folders.drop_given(request.app.state.settings.data, ended.id)
    return answer(shown(ended, lang), status=200 if ended.has_ended else 202)


def _job(request: Request, key: Key, job_id: str) -> Job:
    with reading(request.app.state.store.log) as connection:
        return find_job(connection, job_id, key)


def _file(request: Request, job: Job, name: str) -> Response:
    path: Path = folders.jobs_folder(request.app.state.settings.data) / job.id / name
    if not path.is_file():
        raise refuse(
            "job_file_gone",
            "The file of this job is not here: it was removed, or another server has it in its own data folder.",
            "该任务的文件不在本服务器上：已被清理，或位于其他服务器的数据目录。",
            kind="gone",
        )
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.name)}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    kind = "application/json" if path.suffix == ".json" else "application/octet-stream"
    return FileResponse(path, headers=headers, media_type=kind)


def _beside(file: str, form: str) -> str:
    """The file of another format. Errors: Refusal format_unknown."""
    own = Path(file).suffix
    written = FORMATS if own in FORMATS and Path(file).stem == "moved" else (own,)
    if f".{form}" not in written:
        raise refuse(
            "format_unknown",
            f"This job has no '{form[:20]}' file; it has {', '.join(written)}.",
            f"该任务没有 {form[:20]} 文件；现有：{'、'.join(written)}。",
        )
    return str(Path(file).with_suffix(f".{form}"))


def _nothing(job: Job) -> Refusal:
    if job.has_ended:
        return refuse(
            "job_gave_nothing",
            f"The job has ended ({job.state}) and gave nothing of that kind.",
            f"任务已结束（{job.state}），没有此项内容。",
            kind="missing",
        )
    return refuse(
        "job_unfinished",
        f"The job has not ended: {job.state}. Ask again later.",
        f"任务尚未结束：{job.state}，请稍后再试。",
        kind="conflict",
    )
