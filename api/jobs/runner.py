"""The thread that runs jobs: one job at a time in each process of the server."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from api.jobs import folders
from api.jobs.authors import author_of
from api.jobs.claims import claim_job, end_job, release_job
from api.jobs.kinds import Context, Halted, Kind, Outcome, Signs
from api.jobs.pulse import Pulse
from api.jobs.records import Job, remove_ended, told_fault
from api.settings import Settings
from gis.errors import Refusal, refuse
from gis.store.engine import Store

LOG = logging.getLogger("wangge.jobs")
ATTEMPTS = 3
POLL_S = 1.0
BEAT_S = 2.0
LAPSE_S = 30.0
"""Without a heartbeat for so long a worker counts as dead. The clocks of all servers must agree better than that."""
AGAIN_S = 10.0
"""After so long a job is tried again that met a store that was away or busy."""
TIDY_S = 3600.0
END_S = 5.0


class Runner:
    """Claims due jobs and runs them, from `start` to `stop`; or one by one with `run_one`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        kinds: Mapping[str, Kind[Any]],
        *,
        lapse_s: float = LAPSE_S,
        beat_s: float = BEAT_S,
        poll_s: float = POLL_S,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.store, self.settings, self.kinds = store, settings, kinds
        self.clock = clock
        """By which jobs that wait for a time are due."""
        self.lapse_s, self.beat_s, self.poll_s = lapse_s, beat_s, poll_s
        self.worker = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run jobs in a thread of its own."""
        self._thread = threading.Thread(target=self._go_on, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Run no further job; the one that runs is given back at its next step, and another server goes on with it."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(END_S)

    def wake(self) -> None:
        """Look for jobs now: one was just made."""
        self._woken.set()

    def _go_on(self) -> None:
        tidied, told = -TIDY_S, ""
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                if self.run_one():
                    continue
                if monotonic() - tidied > TIDY_S:
                    tidied = monotonic()
                    self.tidy()
                told = ""
            except Refusal as refusal:  # the store is away, or the disk full: that may pass
                if refusal.code != told:  # once is enough
                    LOG.warning("no jobs are run: %s", refusal)
                told = refusal.code
            except Exception:  # the thread must outlive whatever one job met
                LOG.exception("running jobs failed")
            self._woken.wait(self.poll_s)

    def run_one(self) -> bool:
        """Run the oldest job that is due; False when there is none. Errors: Refusal store_down, file_unwritable."""
        place = folders.place_of(self.settings.data)
        job = claim_job(self.store, self.worker, place, self.kinds.keys(), self.lapse_s, self.clock())
        if job is None:
            return False
        signs = Signs(job.step, job.done, job.total, cancelled=job.cancel_asked, stopping=self._stopping)
        with Pulse(self.store, job, signs, self.lapse_s, self.beat_s):
            ended = self._run(job, signs)
        if ended is not None:
            self._end(job, signs, ended)
        return True

    def tidy(self) -> None:
        """Remove the jobs that ended long ago, and uploads that were cut off."""
        before = datetime.now(UTC) - timedelta(days=self.settings.jobs_kept_days)
        for job_id in remove_ended(self.store, before, folders.place_of(self.settings.data)):
            folders.drop_folder(self.settings.data, job_id)
        folders.drop_abandoned(self.settings.data)

    def _run(self, job: Job, signs: Signs) -> tuple[str, Outcome] | None:
        """How the job ended, None when it did not end here."""
        kind = self.kinds[job.kind]
        context: Context | None = None
        try:
            folder = folders.attempt_folder(self.settings.data, job.id, job.attempt)
            context = Context(job, self.store, self.settings, folder, signs, self.lapse_s)
            arguments = kind.arguments.model_validate(job.arguments)
            if job.attempt > 1 and (found := kind.achieved(context, arguments)) is not None:
                return _told(found)
            context.progress(signs.done, signs.total)
            self._check_attempt(job, kind)
            context.key = author_of(self.store, job)
            kind.allow(context.key, arguments)
            return _told(kind.run(context, arguments))
        except Halted as halted:
            return self._halted(job, halted)
        except Exception as error:
            return self._failed(job, kind, context, error)

    def _halted(self, job: Job, halted: Halted) -> tuple[str, Outcome] | None:
        if halted.why == "cancelled":
            return "cancelled", Outcome({})
        if halted.why == "stopping":
            release_job(self.store, job, 0, counted=False)
        return None

    def _failed(
        self, job: Job, kind: Kind[Any], context: Context | None, error: Exception
    ) -> tuple[str, Outcome] | None:
        """What was published is never said to have failed; what met a store that is away is tried again."""
        committing = context is not None and context.committing
        refusal = error if isinstance(error, Refusal) else None
        if refusal is None:
            LOG.error("job %s (%s) failed", job.id, job.kind, exc_info=error)
        try:
            if context is not None and committing:
                found = kind.achieved(context, kind.arguments.model_validate(job.arguments))
                if found is not None:
                    return _told(found)
            again = refusal is not None and refusal.kind == "unavailable" and refusal.code not in FINAL
            if again and kind.repeatable and job.attempt - job.released < ATTEMPTS:
                release_job(self.store, job, AGAIN_S, counted=True)
                return None
        except Refusal as away:  # the claim lapses, and whoever claims next finds out
            LOG.warning("job %s: %s", job.id, away)
            return None
        return _told(Outcome({}, refusal=refusal or _internal()))

    def _check_attempt(self, job: Job, kind: Kind[Any]) -> None:
        if job.attempt > 1 and not kind.repeatable:
            raise refuse(
                "job_interrupted",
                "The server ended while the job ran, and this kind of job is not run again by itself; ask for it anew.",
                "任务运行时服务中断；此类任务不会自动重做，请重新提交。",
                kind="unavailable",
            )
        if job.attempt - job.released > ATTEMPTS:
            raise refuse(
                "job_given_up",
                f"The job was begun {ATTEMPTS} times and never came to an end: the server may lack memory for it.",
                f"任务已尝试 {ATTEMPTS} 次均未完成：服务器内存可能不足。",
                kind="unavailable",
            )

    def _end(self, job: Job, signs: Signs, ended: tuple[str, Outcome]) -> None:
        """Write how the job ended. While the store is away this is tried until the claim would lapse."""
        state, outcome = ended
        root = folders.jobs_folder(self.settings.data) / job.id
        files = {"report": outcome.report, "file": outcome.file}
        values: dict[str, Any] = {
            name: None if path is None else str(path.relative_to(root)) for name, path in files.items()
        }
        if outcome.refusal is not None:
            values["fault"] = told_fault(_without_folder(outcome.refusal, str(root)))
        values |= {"result": dict(outcome.result) or None, "step": signs.step, "done": signs.done, "total": signs.total}
        until = monotonic() + self.lapse_s
        while True:
            try:
                if end_job(self.store, job, state, **values):
                    folders.drop_given(self.settings.data, job.id)
                return
            except Refusal:
                if monotonic() > until or self._stopping.wait(self.poll_s):
                    raise


# Kinds of "unavailable" that another attempt would meet again.
FINAL = frozenset({"job_interrupted", "job_given_up", "internal", "raster_changed", "raster_gone", "zonal_unavailable"})


def _told(outcome: Outcome) -> tuple[str, Outcome]:
    return ("done" if outcome.refusal is None else "failed"), outcome


def _internal() -> Refusal:
    return refuse(
        "internal",
        "The server failed at this job; what happened is in its log. Nothing was changed by halves.",
        "服务器执行该任务时出错，详情见服务器日志；未留下不完整的更改。",
        kind="unavailable",
    )


def _without_folder(refusal: Refusal, folder: str) -> Refusal:
    """The refusal in the caller's words: no file of the server's own is named with its place."""
    hide = folders.hide_folder
    faults = [replace(each, en=hide(each.en, folder), zh=hide(each.zh, folder)) for each in refusal.faults]
    return Refusal(faults, refusal.kind)
