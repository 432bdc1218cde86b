"""Replays as jobs: nothing is changed, so what was cut off is begun anew."""

from datetime import datetime
from typing import Any

from api.auth import permit
from api.bulk.moved import FORMATS, MovedFiles
from api.editing.replays import Against, replay
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.reports import write_report
from api.keys import Key
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.replay import Which
from cases.reports import Defaults, parse_zone


class ReplayArguments(Arguments):
    """Which cases, and under what: a revision, a draft, a rule book, or what held when each was reported."""

    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    revision: int | None = None
    reported: bool = False
    draft: str | None = None
    handled: bool = False
    rules: Any = None
    owner: str | None = None


def allow(key: Key, arguments: ReplayArguments) -> None:
    """Whoever may read the cases below its prefix may have them sent again."""
    permit(key, "viewer")


def run(context: Context, arguments: ReplayArguments) -> Outcome:
    """Send the cases again."""
    key = context.key
    assert key is not None
    which = Which(arguments.source, arguments.since, arguments.until, key.prefix, arguments.handled)
    against = Against(
        arguments.revision, arguments.reported, arguments.draft, key.prefix, arguments.rules, arguments.owner
    )
    worlds = Worlds(context.store, folder_of(context.settings.data, context.store))
    with MovedFiles(*(context.folder / f"moved{suffix}" for suffix in FORMATS)) as files:
        made = replay(
            context.store,
            worlds,
            which,
            against,
            Defaults(zone=parse_zone(context.settings.zone), read_crs=LiveSystems(context.store).parse),
            files,
            lambda done, total: context.progress(done, total, "route"),
        )
    report = write_report(context.folder / "report.json", made.as_dict())
    return Outcome(made.summary, report, files.paths[0])


REPLAY = Kind("replay", ReplayArguments, allow, run)
