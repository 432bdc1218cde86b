"""The heartbeat of a running job, in a thread of its own: the work itself may be in one long computation."""

import logging
import threading
from time import monotonic

from api.jobs.claims import beat
from api.jobs.kinds import Signs
from api.jobs.records import Job
from gis.errors import Refusal
from gis.store.engine import Store

LOG = logging.getLogger("wangge.jobs")
TICK_S = 0.3
"""Progress is written this often at most."""


class Pulse:
    """While it is entered, the claim on a job is kept, its progress is written, and word of a cancellation is heard."""

    def __init__(self, store: Store, job: Job, signs: Signs, lapse_s: float, beat_s: float) -> None:
        self.store, self.job, self.signs = store, job, signs
        self.lapse_s, self.beat_s = lapse_s, beat_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="job heartbeat", daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _go_on(self) -> None:
        written, at = ("", 0, None), monotonic()
        while not self._end.wait(min(TICK_S, self.beat_s)) and not self.signs.lost:
            told = (self.signs.step, self.signs.done, self.signs.total)
            if told == written and monotonic() - at < self.beat_s:
                continue
            try:
                answer = beat(self.store, self.job, self.lapse_s, *told)
            except Refusal as refusal:  # away or busy: the next beat may come through before the claim lapses
                LOG.warning("job %s: %s", self.job.id, refusal)
                continue
            except Exception:
                LOG.exception("the heartbeat of job %s failed", self.job.id)
                continue
            written, at = told, monotonic()  # type: ignore[assignment]
            self.signs.lost = answer is None
            self.signs.cancelled = bool(answer)
