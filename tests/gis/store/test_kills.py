"""A publisher that is killed leaves whole revisions only, and the next one goes on."""

import multiprocessing
import random
from multiprocessing.connection import Connection as Pipe
from time import sleep
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from gis.store.engine import Store, open_store, reading
from gis.store.revisions import allocate_uids, list_revisions
from grids.tables import department, unit
from tests.gis.store.ledger import assert_index_is_whole, change, department_row, put, rows_at, square, unit_row

ROWS = 2_000
LOCKED, PUBLISHED = "locked", "published"


def publish_for_ever(url: str, ready: Pipe) -> None:
    """Publish revisions of 2,000 rows, each replacing half of the one before, until somebody ends this process."""
    store = open_store(url)

    @event.listens_for(store.world, "after_cursor_execute")
    def tell(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("UPDATE counter SET revision"):
            ready.send(LOCKED)

    while True:
        old = [row["uid"] for row in rows_at(store, unit)][: ROWS // 2]
        old_departments = [row["uid"] for row in rows_at(store, department)]
        uids = allocate_uids(store, ROWS)
        units = [unit_row(uid, f"U{uid}", square(uid % 50, uid // 50 % 50)) for uid in uids]
        fresh = uids[0]
        put(store, change(unit, units, old), change(department, [department_row(fresh, "A")], old_departments))
        ready.send(PUBLISHED)


def wait_for(pipe: Pipe, word: str) -> None:
    heard = None
    while heard != word:
        assert pipe.poll(30), f"the publisher never said {word}"
        heard = pipe.recv()


def kill_a_publisher(url: str, random_: random.Random, aimed: bool) -> None:
    """Kill it at any moment, or, `aimed`, soon after it took the lock."""
    process_maker = multiprocessing.get_context("forkserver")
    process_maker.set_forkserver_preload(["tests.gis.store.test_kills"])
    mine, theirs = process_maker.Pipe(duplex=False)
    publisher = process_maker.Process(target=publish_for_ever, args=(url, theirs))
    publisher.start()
    try:
        wait_for(mine, PUBLISHED)
        sleep(random_.uniform(0, 0.4))
        if aimed:
            while mine.poll():
                mine.recv()
            wait_for(mine, LOCKED)
            sleep(random_.uniform(0, 0.04))
        assert publisher.is_alive()
    finally:
        publisher.kill()
        publisher.join()
        publisher.close()
        mine.close()
        theirs.close()


def assert_only_whole_revisions(store: Store) -> int:
    """Every revision has the rows that it says it has; the number of revisions."""
    with reading(store.world) as connection:
        made = list_revisions(connection)
        for table in (unit, department):
            begun, ended = (
                dict(connection.execute(select(at, func.count()).where(at.is_not(None)).group_by(at)).all())
                for at in (table.c.from_revision, table.c.to_revision)
            )
            told = {each.number: each.counts.get(table.name, {}) for each in made}
            assert begun == {
                number: sums["created"] + sums["changed"] for number, sums in told.items() if sums.get("created")
            }
            assert ended == {
                number: sums["retired"] + sums["changed"] for number, sums in told.items() if sums.get("retired")
            }
        if store.dialect == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    assert [each.number for each in made] == list(range(1, len(made) + 1))
    assert len(rows_at(store, department)) == 1
    assert_index_is_whole(store)
    return len(made)


def kill_and_look(store: Store, url: str, times: int, seed: int) -> None:
    random_ = random.Random(seed)
    before = 0
    for turn in range(times):
        kill_a_publisher(url, random_, aimed=turn % 3 > 0)
        now = assert_only_whole_revisions(store)
        assert now > before
        before = now
    last = rows_at(store, department)[0]["uid"]
    assert put(store, change(department, [department_row(1, "A")], [last])).number == before + 1
    assert_only_whole_revisions(store)


def test_a_killed_publisher_leaves_only_whole_revisions(store: Store, made_url: str) -> None:
    kill_and_look(store, made_url, times=5, seed=7)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(2))
def test_many_killed_publishers_leave_only_whole_revisions(store: Store, made_url: str, seed: int) -> None:
    kill_and_look(store, made_url, times=20, seed=seed)
