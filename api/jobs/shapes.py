"""Jobs as callers see them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.http.problems import problem
from api.jobs.records import Job
from api.schemas.answers import Problem, Shape
from cases.books import size
from gis.rasters.zonal import STATS

HIDDEN = frozenset({"file", "gaps_file", "scope_file"})


class Progress(Shape):
    """How far a job is; `total` is null where nobody knows."""

    step: str
    done: int
    total: int | None


class JobLinks(Shape):
    """Where the job, its report and its result are; null while there is none."""

    self: str
    report: str | None
    result: str | None


class JobItem(Shape):
    """A job. `attempt` counts how often it was begun; `problem` says why it failed."""

    id: str
    kind: str
    state: Literal["waiting", "running", "done", "failed", "cancelled"]
    progress: Progress
    arguments: dict[str, Any]
    author: str
    made_at: AwareDatetime
    not_before: AwareDatetime
    begun_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    attempt: int
    cancelling: bool = Field(description="Somebody asked for its end, and it has not come to it yet")
    result: dict[str, Any] | None
    problem: Problem | None
    links: JobLinks


class JobList(Shape):
    """Jobs that the caller may see, the newest first."""

    items: list[JobItem]
    next: str | None = Field(description="Give it back as `after` for what follows; null at the end")


class ExportQuestion(Shape):
    """What to export, and how."""

    layer: str = Field(description="units, divisions, areas.NAME, components, rules …")
    format: str | None = Field(None, description="gpkg (default), geojson, csv, shp (in a zip) …; of rules: yaml")
    crs: str | None = Field(None, description="CRS to write in; default EPSG:4490")
    as_of: int | str | None = Field(None, description="A revision or a time; default: now")
    prefix: str = Field("", max_length=60, description="Only what has a code that begins so")
    where: list[str] = Field(
        default_factory=list,
        max_length=50,
        description="Only what has FIELD=VALUE, FIELD=BEGINNING* or FIELD!=VALUE",
    )
    heads: str | None = Field(None, description="Heads of the columns: field, 2026, 2013, zh or en")
    for_people: bool = Field(False, description="CSV for spreadsheets: no formula runs, no code is rounded")
    encoding: str | None = Field(None, description="Of shapefile and CSV: utf-8, gbk …")
    not_before: str | None = Field(None, description="A time before which it does not run")


class ZonalQuestion(Shape):
    """Which statistics of a raster, in which zones."""

    by: str = Field(max_length=80, description="units, a level of divisions (street, community …), or areas.NAME")
    stats: list[str] = Field(
        default_factory=lambda: list(STATS), max_length=20, description="count mean min max sum std fractions"
    )
    band: int = Field(1, ge=1, description="Number of the band")
    format: str = Field("csv", max_length=20, description="csv (default), parquet, gpkg, geojson …")
    as_of: int | str | None = Field(None, description="A revision or a time of the zones; default: now")
    prefix: str = Field("", max_length=60, description="Only zones whose code begins so")
    not_before: str | None = Field(None, description="A time before which it does not run")


class DensityQuestion(Shape):
    """A surface of what, and on which grid."""

    what: Literal["components", "cases"] = Field(description="components or cases")
    cell: float = Field(50.0, allow_inf_nan=False, description="Side of a cell in metres")
    bandwidth: float | None = Field(
        None, allow_inf_nan=False, description="Reach of the kernel in metres; without it, plain counts"
    )
    class_code: str | None = Field(None, alias="class", max_length=60, description="Only of this class")
    edition: str | None = Field(None, max_length=60, description="Only components of this edition")
    as_of: int | str | None = Field(None, description="A revision or a time; of cases what was received until then")
    crs: str | None = Field(None, description="The plane of the grid, in metres; default: the zone of the city")
    not_before: str | None = Field(None, description="A time before which it does not run")


class CheckQuestion(Shape):
    """What to check, at a revision or as a draft would have it."""

    layer: str = Field(description="units, divisions, areas, areas.NAME, components, departments, rules")
    as_of: int | str | None = Field(None, description="A revision or a time; default: what holds when it runs")
    draft: str | None = Field(None, max_length=60, description="As this draft would have it; not with as_of")
    propose: bool = Field(False, description="Of units: propose a repair, in the report; nothing is changed")
    format: str | None = Field(None, description="geojson, gpkg, csv …: the faults as a layer, at links.result")
    not_before: str | None = Field(None, description="A time before which it does not run")


class ReplayQuestion(Shape):
    """Which cases to send again, and under what. Nothing is changed."""

    source: str | None = Field(None, max_length=200, description="Only cases of this source")
    since: str | None = Field(None, description="Only cases reported since this time")
    until: str | None = Field(None, description="Only cases reported before this time")
    as_of: int | str | None = Field(
        None,
        description="A revision, a time, or reported_at (what held when each was); default: what holds",
    )
    draft: str | None = Field(None, max_length=60, description="As this draft would have it; not with as_of")
    rules: dict[str, Any] | None = Field(
        None,
        description="With this rule book in the place of its owner's, as in a file; not with as_of or draft",
    )
    owner: str | None = Field(None, max_length=60, description="Whose book `rules` is, if it does not say so itself")
    handled: bool = Field(
        False, description="Compare with who really handled each case; only those of which that is known"
    )
    not_before: str | None = Field(None, description="A time before which it does not run")


def shown(job: Job, language: str = "en") -> dict[str, Any]:
    """A job as JSON members; the problem of a failed one in `language`, and in the other one beside it."""
    refusal = job.refusal
    here = f"/v1/jobs/{job.id}"
    return {
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "progress": {"step": job.step, "done": job.done, "total": job.total},
        "arguments": _arguments(job.arguments),
        "author": job.author_name,
        "made_at": _time(job.made_at),
        "not_before": _time(job.not_before),
        "begun_at": _time(job.begun_at),
        "ended_at": _time(job.ended_at),
        "attempt": job.attempt,
        "cancelling": job.state == "running" and job.cancel_asked,
        "result": job.result,
        "problem": None if refusal is None else problem(refusal, language),
        "links": {
            "self": here,
            "report": f"{here}/report" if job.report else None,
            "result": f"{here}/result" if job.result else None,
        },
    }


def _arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, as far as something was said; files by their names, a rule book by how many rules it has."""
    said = {name: value for name, value in arguments.items() if value not in (None, "", [], False)}
    if "rules" in said:  # it may be of megabytes, and jobs are listed
        said["rules"] = size(said["rules"])
    return {name: value.rpartition("/")[2] if name in HIDDEN else value for name, value in said.items()}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
