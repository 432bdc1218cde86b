"""Publications of drafts at a time: checked anew when it has come, and published then, or told why not."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from api.auth import permit
from api.editing.drafting import DOORS, NONE_DIFFER, holders, tell_differing, tell_revision
from api.jobs.folders import place_of
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.records import COLUMNS, Job, make_job
from api.jobs.reports import write_report
from api.jobs.tables import job
from api.keys import Key
from api.settings import Settings
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.reports import Defaults, parse_zone
from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading
from gis.store.revisions import Revision, revision_of_ticket
from grids.drafts.publishing import Published, Wanted, publish_draft, publishable
from grids.drafts.records import find_draft
from grids.drafts.workbench import Workbench


class PublishArguments(Arguments):
    """Which draft, as it was looked at, and as what."""

    draft: str
    version: int
    note: str = ""
    effective_at: datetime | None = None
    basis: dict[str, str] | None = None


def allow(key: Key, arguments: PublishArguments) -> None:
    """A publisher; whether of this draft's division is asked when it runs."""
    permit(key, "publisher")


def schedule(
    store: Store, settings: Settings, bench: Workbench, key: Key, arguments: PublishArguments, at: datetime
) -> Job:
    """Put down that a draft is to be published at a time. It must be fit to be published now, too.

    Errors: Refusal time_past, draft_scheduled, and those of `publishable`.
    """
    if at <= datetime.now(UTC):
        raise refuse(
            "time_past",
            f"{at.isoformat()} is past; leave the time out to publish now.",
            f"{at.isoformat()} 已过；立即发布请不要给出时间。",
        )
    known = scheduled(store, arguments.draft)
    if known is not None:
        raise refuse(
            "draft_scheduled",
            f"The draft is to be published at {known.not_before.isoformat()} already; cancel the job {known.id} first.",
            f"草稿已定于 {known.not_before.isoformat()} 发布；请先取消任务 {known.id}。",
            kind="conflict",
            thing=known.id,
        )
    with reading(store.world) as connection:
        publishable(connection, bench, arguments.draft, arguments.version)
    asked = arguments.model_dump(mode="json")
    return make_job(store, key, PUBLISH.name, asked, place_of(settings.data), not_before=at)


def scheduled(store: Store, draft_id: str) -> Job | None:
    """The job that waits to publish a draft, or does so now."""
    chosen = select(*COLUMNS).where(job.c.kind == PUBLISH.name, job.c.state.in_(("waiting", "running")))
    with reading(store.log) as connection:
        for row in connection.execute(chosen).mappings():  # few wait at any time
            if row["arguments"]["draft"] == draft_id:
                return Job(**row)
    return None


def tell_schedule(waiting: Job | None) -> Mapping[str, Any] | None:
    """When a draft is to be published and by which job, as JSON members."""
    return None if waiting is None else {"at": waiting.not_before, "job": waiting.id, "author": waiting.author_name}


def run(context: Context, arguments: PublishArguments) -> Outcome:
    """Check the draft on what holds now, and publish it; what keeps it from that is in the report."""
    assert context.key is not None
    zone = parse_zone(context.settings.zone)
    context.progress(0, 2, "check")
    wanted = Wanted(
        arguments.version,
        context.key.name,
        arguments.note,
        arguments.effective_at,
        arguments.basis,
        zone,
        ticket=context.job.id,
    )

    def before() -> None:
        context.progress(1, 2, "publish")
        context.commit()

    try:
        with reading(context.store.world) as connection:
            permit(context.key, "publisher", find_draft(connection, arguments.draft).owner)
        made = publish_draft(Workbench(context.store, DOORS, holders), arguments.draft, wanted, before)
    except Refusal as refusal:
        if refusal.code in ("ticket_used", "draft_closed") and (found := achieved(context, arguments)) is not None:
            return found
        if refusal.kind == "unavailable":
            raise  # the store may be back when it is tried again
        return _refused(context, arguments, refusal)
    context.progress(2, 2, "done")
    return _published(context, arguments, made.revision, made)


def achieved(context: Context, arguments: PublishArguments) -> Outcome | None:
    """What an earlier attempt has published."""
    with reading(context.store.world) as connection:
        revision = revision_of_ticket(connection, context.job.id)
    return None if revision is None else _published(context, arguments, revision, None)


def _published(context: Context, arguments: PublishArguments, revision: Revision, made: Published | None) -> Outcome:
    """The revision, and of one into the past the decisions that would be others."""
    told: dict[str, Any] = {**NONE_DIFFER, "differing_complete": made is not None}
    if made is not None:
        worlds = Worlds(context.store, folder_of(context.settings.data, context.store))
        defaults = Defaults(zone=parse_zone(context.settings.zone), read_crs=LiveSystems(context.store).parse)
        told = tell_differing(context.store, made, worlds, defaults)
    result = {
        "draft": arguments.draft,
        "published": True,
        "revision": revision.number,
        "differing": len(told["differing"]),
    }
    findings = [] if made is None else made.report.as_dict()["findings"]
    content = {**result, "made": tell_revision(revision), "faults": findings, **told}
    return Outcome(result, write_report(context.folder / "report.json", content))


def _refused(context: Context, arguments: PublishArguments, refusal: Refusal) -> Outcome:
    result = {"draft": arguments.draft, "published": False, "code": refusal.code}
    content = {**result, "faults": [each.as_dict() for each in refusal.faults]}
    return Outcome(result, write_report(context.folder / "report.json", content), refusal=refusal)


PUBLISH = Kind("publish", PublishArguments, allow, run, achieved=achieved)
