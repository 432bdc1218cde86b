"""Open cases routed anew after a revision, as a job that nobody has to ask for."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from api.auth import permit
from api.editing.rerouting import reroute
from api.jobs.folders import place_of
from api.jobs.kinds import Arguments, Context, Kind, Outcome
from api.jobs.records import ENDED, Job, make_job
from api.jobs.tables import job
from api.keys import Key, operator
from api.settings import Settings
from api.systems import LiveSystems
from api.worlds import Worlds, folder_of
from cases.replay import last_position
from cases.reports import Defaults, parse_zone
from cases.rerouting import Mark, has_late, keep_mark, read_mark
from cases.tables import decision
from gis.store.engine import Store, reading
from gis.store.order import settled_end
from gis.store.revisions import current_head

AUTHOR = "wangge"
PAUSE = timedelta(minutes=5)
"""Until it is tried again when it failed or was cancelled."""


class RerouteArguments(Arguments):
    """Which revision called for it; it is done for the newest one at the time."""

    revision: int


def allow(key: Key, arguments: RerouteArguments) -> None:
    """The server asks for it itself."""
    permit(key, "admin", "")


def run(context: Context, arguments: RerouteArguments) -> Outcome:
    """Route anew; what was cut off is gone on with."""
    worlds = Worlds(context.store, folder_of(context.settings.data, context.store))
    defaults = Defaults(zone=parse_zone(context.settings.zone), read_crs=LiveSystems(context.store).parse)
    context.progress(0, None, "route")
    made = reroute(context.store, worlds, defaults, lambda looked: context.progress(looked, None, "route"))
    if made is None:
        return Outcome({})
    return Outcome({"revision": made.revision, "looked": made.looked, "rerouted": made.rerouted})


REROUTE = Kind("reroute", RerouteArguments, allow, run)


class Lookout:
    """Sees when open cases must be routed anew, and puts down a job for it: one at a time, whoever looks."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.place = store, place_of(settings.data)
        self._looked = 0  # no decision up to this position was made on what held before the mark

    def look(self) -> Job | None:
        """Look once; the job that was made. Errors: Refusal store_down, store_busy, jobs_too_many."""
        mark, newest = begin_mark(self.store), current_head(self.store)
        if mark is None or not self._is_due(mark, newest) or self._is_asked():
            return None
        return make_job(self.store, operator(AUTHOR), REROUTE.name, {"revision": newest}, self.place)

    def _is_due(self, mark: Mark, newest: int) -> bool:
        """Whether there is a newer revision, or a case was decided on an older one; without cases nothing is."""
        behind = max(self._looked, mark.position)
        with reading(self.store.log) as log:
            last = last_position(log)
        if last == 0:
            if newest > mark.revision:
                keep_mark(self.store, Mark(newest, 0))
            return False
        if newest > mark.revision:
            return True
        if last == behind:
            return False
        end = settled_end(self.store, decision)
        if end is None:
            return False
        with reading(self.store.log) as log:
            is_late = has_late(log, mark, behind)
        if not is_late:
            self._looked = end
        return is_late

    def _is_asked(self) -> bool:
        """Whether a job for it waits or runs, or has just failed."""
        lately = job.c.state.in_([each for each in ENDED if each != "done"]) & (
            job.c.ended_at > datetime.now(UTC) - PAUSE
        )
        asked = select(job.c.id).where(job.c.kind == REROUTE.name, job.c.state.in_(("waiting", "running")) | lately)
        with reading(self.store.log) as log:
            return log.execute(asked.limit(1)).first() is not None


def begin_mark(store: Store) -> Mark | None:
    """The mark, made at the newest revision where there is none: what was decided before is left as it is."""
    with reading(store.log) as log:
        mark = read_mark(log)
    if mark is None:
        newest, end = current_head(store), settled_end(store, decision)
        if end is None:
            return None
        mark = Mark(newest, end)
        keep_mark(store, mark)
    return mark
