"""Writers wait for each other, readers for nobody."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from time import monotonic, sleep

import pytest
from sqlalchemy import func, insert, select

from cases.tables import decision
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading, writing
from gis.store.revisions import Publication, allocate_uids, current_head, head, list_revisions, publish
from gis.store.tables import counter
from grids.tables import department
from tests.gis.store.ledger import change, department_row, put, rows_at

ROUNDS = 20


@contextmanager
def locked(store: Store) -> Iterator[None]:
    """The world held by a writer that has not finished."""
    with writing(store.world) as connection:
        connection.execute(counter.update().values(revision=counter.c.revision))
        yield


@pytest.fixture
def hasty(store: Store, made_url: str) -> Iterator[Store]:
    """The same store, opened by somebody who waits a fifth of a second."""
    opened = open_store(made_url, wait_s=0.2)
    yield opened
    opened.close()


def is_published(store: Store, publication: Publication) -> bool:
    try:
        publish(store, publication)
    except Refusal as refused:
        if refused.code == "store_changed":
            return False
        raise
    return True


def add_one(store: Store, name: str) -> None:
    """Read a row, add to what it counts, publish; again when somebody else was first."""
    published = False
    while not published:
        base = current_head(store)
        row = rows_at(store, department, base)[0]
        ids = dict(row["ids"])
        ids[name] = ids.get(name, 0) + 1
        changed = change(department, [{**department_row(1, "A"), "ids": ids}], [1])
        published = is_published(store, Publication((changed,), name, base=base))


def test_two_writers_lose_nothing_and_a_reader_that_follows_the_numbers_skips_none(store: Store) -> None:
    put(store, change(department, [department_row(1, "A")]))
    done = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        while True:
            last = done.is_set()
            with reading(store.world) as connection:
                seen.extend(made.number for made in list_revisions(connection, since=seen[-1] if seen else 0))
            if last:
                return
            sleep(0.001)

    def write(name: str) -> None:
        for _ in range(ROUNDS):
            add_one(store, name)

    reader = threading.Thread(target=follow)
    writers = [threading.Thread(target=write, args=(name,)) for name in ("甲", "乙")]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert rows_at(store, department)[0]["ids"] == {"甲": ROUNDS, "乙": ROUNDS}
    assert seen == list(range(1, 2 * ROUNDS + 2))
    with reading(store.world) as connection:
        times = [made.effective_at for made in list_revisions(connection)]
    assert times == sorted(times)


def test_a_writer_that_waits_too_long_is_told_that_the_store_is_busy(store: Store, hasty: Store) -> None:
    with locked(store):
        began = monotonic()
        with pytest.raises(Refusal) as refused:
            publish(hasty, Publication((change(department, [department_row(1, "A")]),), "tester"))
        assert 0.15 < monotonic() - began < 5
        assert (refused.value.code, refused.value.kind) == ("store_busy", "unavailable")
        with pytest.raises(Refusal) as refused:
            allocate_uids(hasty, 1)
        assert refused.value.code == "store_busy"
    assert put(hasty, change(department, [department_row(1, "A")])).number == 1


def test_a_writer_that_does_not_wait_at_all_is_told_at_once(store: Store, made_url: str) -> None:
    impatient = open_store(made_url, wait_s=0)
    try:
        with locked(store), pytest.raises(Refusal) as refused:
            allocate_uids(impatient, 1)
        assert refused.value.code == "store_busy"
    finally:
        impatient.close()


def test_readers_go_on_while_a_writer_holds_the_lock(store: Store, hasty: Store) -> None:
    put(store, change(department, [department_row(1, "A")]))
    with locked(store):
        assert current_head(hasty) == 1
        assert [row["code"] for row in rows_at(hasty, department)] == ["A"]


def test_staging_waits_for_nobody_and_the_wait_is_not_counted_as_held(store: Store, made_url: str) -> None:
    held: list[float] = []
    other = open_store(made_url)

    def write() -> None:
        rows = [department_row(n, f"D{n}") for n in range(50)]
        held.append(publish(other, Publication((change(department, rows),), "tester"))[1])

    writer = threading.Thread(target=write)
    with locked(store):
        writer.start()
        sleep(0.8)
    writer.join()
    other.close()
    assert 0 < held[0] < 0.6
    assert current_head(store) == 1


def test_the_log_can_be_written_while_the_world_is_locked(store: Store, hasty: Store) -> None:
    case = {
        "source": "hotline",
        "case_id": "1",
        "version": 1,
        "digest": "x",
        "received_at": datetime.now(UTC),
        "revision": 0,
        "advice": "review",
        "report": {},
        "routing": {},
    }
    with locked(store):
        with writing(hasty.log) as log:
            log.execute(insert(decision).values(**case))
        with reading(hasty.log) as log:
            assert log.execute(select(func.count()).select_from(decision)).scalar_one() == 1


def test_a_writer_may_read_before_it_writes(store: Store) -> None:
    """On SQLite a transaction that turns from reading to writing would fail at once when another wrote meanwhile."""
    gate = threading.Barrier(2)

    def write(_: int) -> None:
        gate.wait()
        with writing(store.world) as connection:
            head(connection)
            sleep(0.1)
            connection.execute(counter.update().values(next_uid=counter.c.next_uid + 1))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert allocate_uids(store, 1)[0] == 3
