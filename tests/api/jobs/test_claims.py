"""Claims: one worker a job, whoever is alive; and what becomes of the jobs of the dead."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from api.jobs import folders
from api.jobs.claims import beat, begin_commit, claim_job, end_job, release_job
from api.jobs.kinds import Context, Outcome
from api.jobs.records import Job, cancel_job, make_job
from api.jobs.runner import ATTEMPTS
from api.keys import LOCAL
from gis.errors import Refusal, refuse
from gis.store.engine import open_store
from tests.api.jobs.work import Gate, Nothing, Yard, of


def claim(yard: Yard, worker: str = "w", lapse_s: float = 30.0, kind: str = "test") -> Job | None:
    return claim_job(yard.store, worker, folders.place_of(yard.settings.data), [kind], lapse_s)


def test_the_oldest_due_job_of_a_known_kind_in_this_place_is_claimed(yard: Yard) -> None:
    now = datetime.now(UTC)
    yard.make(kind="unknown")
    yard.make(not_before=now + timedelta(hours=1))
    make_job(yard.store, key=LOCAL, kind="test", arguments={}, place="another server")
    second = yard.make()
    first = yard.make(not_before=now - timedelta(hours=1))
    taken = [claim(yard), claim(yard), claim(yard)]
    assert [each and each.id for each in taken] == [first.id, second.id, None]
    assert taken[0] is not None
    assert (taken[0].state, taken[0].attempt, taken[0].worker) == ("running", 1, "w")
    assert taken[0].begun_at is not None
    assert taken[0].begun_at >= first.made_at


def test_workers_that_race_get_each_job_once(yard: Yard) -> None:
    made = {yard.make().id for _ in range(24)}
    url = yard.store.world.url.render_as_string(hide_password=False)
    place, barrier = folders.place_of(yard.settings.data), threading.Barrier(4)

    def work(number: int) -> list[str]:
        store = open_store(url)  # each worker is a process of its own as far as the store can see
        try:
            barrier.wait()
            got = []
            misses = 0
            while misses < 3:
                job = claim_job(store, f"w{number}", place, ["test"], 30.0)
                misses = misses + 1 if job is None else 0
                got += [] if job is None else [job.id]
            return got
        finally:
            store.close()

    with ThreadPoolExecutor(4) as pool:
        taken = [each for got in pool.map(work, range(4)) for each in got]
    assert len(taken) == len(set(taken))
    assert set(taken) == made


def test_a_claim_holds_as_long_as_it_is_kept_and_is_lost_to_the_next(yard: Yard) -> None:
    yard.make()
    first = claim(yard, "first", lapse_s=0.4)
    assert first is not None
    for step in range(4):
        time.sleep(0.2)
        assert beat(yard.store, first, 0.4, "step", step, 4) is False
        assert claim(yard, "second") is None
    time.sleep(0.6)
    second = claim(yard, "second")
    assert second is not None
    assert (second.attempt, second.step, second.done, second.total) == (2, "step", 3, 4)
    # The first was only slow: whatever it says now is not taken.
    assert beat(yard.store, first, 30, "late", 9, 9) is None
    assert not begin_commit(yard.store, first, 30)
    assert not end_job(yard.store, first, "failed")
    release_job(yard.store, first, 0, counted=True)
    assert yard.look(first).worker == "second"
    assert end_job(yard.store, second, "done", result={"a": 1})
    assert not end_job(yard.store, second, "failed")
    found = yard.look(first)
    assert (found.state, found.result, found.deadline) == ("done", {"a": 1}, None)


def test_either_a_job_is_cancelled_or_it_commits(yard: Yard) -> None:
    yard.make()
    job = claim(yard)
    assert job is not None
    assert cancel_job(yard.store, job.id).cancel_asked
    assert cancel_job(yard.store, job.id).cancel_asked, "again it does nothing"
    assert beat(yard.store, job, 30, "", 0, None) is True
    assert not begin_commit(yard.store, job, 30)
    end_job(yard.store, job, "cancelled")
    yard.make()
    other = claim(yard)
    assert other is not None
    assert begin_commit(yard.store, other, 30)
    with pytest.raises(Refusal) as refused:
        cancel_job(yard.store, other.id)
    assert (refused.value.code, refused.value.kind) == ("job_committing", "conflict")
    end_job(yard.store, other, "done")
    with pytest.raises(Refusal) as refused:
        cancel_job(yard.store, other.id)
    assert refused.value.code == "job_ended"


def test_a_waiting_job_is_cancelled_at_once_and_never_run(yard: Yard) -> None:
    job = yard.make()
    assert cancel_job(yard.store, job.id).state == "cancelled"
    assert cancel_job(yard.store, job.id).state == "cancelled"
    assert not yard.runner(of()).run_one()


def test_a_job_is_run_to_its_end_and_tells_how_far_it_is(yard: Yard) -> None:
    gate, job = Gate(), yard.make()
    runner = yard.runner(of(gate.run), lapse_s=0.5)
    runner.start()
    try:
        assert gate.begun.wait(10)
        time.sleep(1.2)  # longer than a claim holds by itself
        during = yard.look(job)
        assert (during.state, during.step, during.total, during.attempt) == ("running", "waits", 3000, 1)
        assert during.done > 0
        assert not yard.runner(of(gate.run)).run_one()
        gate.open.set()
        wait_for(yard, job, "done")
    finally:
        runner.stop()
    assert gate.times == 1
    assert yard.look(job).result == {"steps": True}


def test_a_running_job_is_cancelled_at_its_next_step(yard: Yard) -> None:
    gate, job = Gate(), yard.make()
    runner = yard.runner(of(gate.run))
    runner.start()
    try:
        assert gate.begun.wait(10)
        assert cancel_job(yard.store, job.id).state == "running"
        wait_for(yard, job, "cancelled")
    finally:
        runner.stop()
    assert yard.look(job).ended_at is not None


def test_a_server_that_stops_gives_its_job_to_the_next_however_often(yard: Yard) -> None:
    gate, job = Gate(), yard.make()
    for time_ in range(ATTEMPTS + 2):
        gate.begun.clear()
        runner = yard.runner(of(gate.run))
        runner.start()
        assert gate.begun.wait(10)
        runner.stop()
        found = yard.look(job)
        assert (found.state, found.attempt, found.released) == ("running", time_ + 1, time_ + 1)
    gate.open.set()
    assert yard.runner(of(gate.run)).run_one()
    assert yard.look(job).state == "done"


def test_the_job_of_a_dead_worker_is_run_again_but_not_for_ever(yard: Yard) -> None:
    job = yard.make()
    for _ in range(ATTEMPTS):
        assert claim(yard, "dies", lapse_s=0.01) is not None
        time.sleep(0.05)
    assert yard.runner(of()).run_one()
    found = yard.look(job)
    assert found.state == "failed"
    assert found.refusal is not None
    assert found.refusal.code == "job_given_up"


def test_a_kind_that_cannot_be_repeated_fails_when_its_worker_died(yard: Yard) -> None:
    job = yard.make()
    assert claim(yard, "dies", lapse_s=0.01) is not None
    time.sleep(0.05)
    assert yard.runner(of(repeatable=False)).run_one()
    found = yard.look(job)
    assert found.refusal is not None
    assert (found.state, found.refusal.code) == ("failed", "job_interrupted")


def test_what_a_dead_worker_achieved_is_found_and_not_done_again(yard: Yard) -> None:
    job = yard.make()
    assert claim(yard, "dies", lapse_s=0.01) is not None
    cancel_job(yard.store, job.id)  # too late
    time.sleep(0.05)

    def never(context: Context, arguments: Nothing) -> Outcome:
        raise AssertionError("it was done already")

    assert yard.runner(of(never, achieved=lambda context, arguments: Outcome({"revision": 7}))).run_one()
    found = yard.look(job)
    assert (found.state, found.result) == ("done", {"revision": 7})


def test_a_job_that_fails_keeps_its_problem_in_both_languages(yard: Yard) -> None:
    def fail(context: Context, arguments: Nothing) -> Outcome:
        raise refuse("file_empty", f"In {context.given}/file/a.csv is nothing.", "没有内容。", row=3, thing="x")

    job = yard.make()
    yard.runner(of(fail)).run_one()
    found = yard.look(job)
    assert found.state == "failed"
    assert found.refusal is not None
    (fault,) = found.refusal.faults
    assert (fault.code, fault.en, fault.zh, fault.row) == ("file_empty", "In a.csv is nothing.", "没有内容。", 3)


def test_a_fault_of_the_program_fails_the_job_and_not_the_runner(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    def fail(context: Context, arguments: Nothing) -> Outcome:
        raise ValueError("a secret of the program")

    bad, good = yard.make(kind="bad"), yard.make()
    runner = yard.runner({"bad": of(fail)["test"], **of()})
    assert runner.run_one()
    assert runner.run_one()
    assert yard.look(good).state == "done"
    found = yard.look(bad)
    assert found.refusal is not None
    assert found.refusal.code == "internal"
    assert "secret" not in str(found.fault)
    assert "a secret of the program" in caplog.text


def test_what_was_published_is_not_said_to_have_failed(yard: Yard) -> None:
    def publish_and_fail(context: Context, arguments: Nothing) -> Outcome:
        context.commit()
        raise refuse("file_unwritable", "The disk is full.", "磁盘已满。", kind="unavailable")

    job = yard.make()
    kinds = of(publish_and_fail, achieved=lambda context, arguments: Outcome({"revision": 7}))
    assert yard.runner(kinds).run_one()
    assert (yard.look(job).state, yard.look(job).result) == ("done", {"revision": 7})


def test_a_job_that_met_a_busy_store_is_tried_again_later(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.jobs.runner.AGAIN_S", 0.05)
    times = []

    def fail(context: Context, arguments: Nothing) -> Outcome:
        times.append(1)
        raise refuse("store_busy", "Busy.", "繁忙。", kind="unavailable")

    job = yard.make()
    runner = yard.runner(of(fail))
    for _ in range(ATTEMPTS):
        assert runner.run_one()
        time.sleep(0.1)
    found = yard.look(job)
    assert found.refusal is not None
    assert (len(times), found.state, found.refusal.code) == (ATTEMPTS, "failed", "store_busy")


def test_ended_jobs_are_removed_with_their_files_when_they_are_old(yard: Yard) -> None:
    old, waiting = yard.make(), yard.make(not_before=datetime.now(UTC) + timedelta(days=1))
    runner = yard.runner(of())
    runner.run_one()
    runner.tidy()
    folder = folders.jobs_folder(yard.settings.data) / old.id
    assert folder.is_dir()
    yard.settings = yard.settings.model_copy(update={"jobs_kept_days": 1e-9})
    yard.runner(of()).tidy()
    assert not folder.exists()
    assert yard.look(waiting).state == "waiting"
    with pytest.raises(Refusal):
        yard.look(old)


def wait_for(yard: Yard, job: Job, state: str) -> None:
    end = time.monotonic() + 10
    while yard.look(job).state != state:
        assert time.monotonic() < end, yard.look(job)
        time.sleep(0.02)
