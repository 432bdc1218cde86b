"""Opening a store, and what a person reads when it cannot be opened."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gis.errors import Refusal
from gis.store.engine import Store, is_up, open_store, reading, writing
from gis.store.revisions import Publication, allocate_uids, current_head, list_revisions, publish
from grids.tables import department
from tests.fixtures.postgis import free_port
from tests.gis.store.ledger import change, department_row, put, rows_at

SECRET = "geheim-7391"


@pytest.fixture
def opened() -> Iterator[list[Store]]:
    stores: list[Store] = []
    yield stores
    for store in stores:
        store.close()


def refusal_of(store: Store, question: str = "SELECT 1") -> Refusal:
    with pytest.raises(Refusal) as refused, reading(store.world) as connection:
        connection.execute(text(question)).all()
    return refused.value


def test_opening_a_store_touches_nothing(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'wangge.db'}").close()
    assert list(tmp_path.iterdir()) == []


def test_on_sqlite_cases_are_a_file_beside_the_world(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'town.db'}")
    assert is_up(store)
    store.close()
    assert {path.name for path in tmp_path.iterdir()} == {"town.db", "town-cases.db"}


@pytest.mark.postgis
def test_on_postgis_both_halves_are_one_database(postgis_url: str) -> None:
    store = open_store(postgis_url)
    assert store.log is store.world
    assert is_up(store)
    store.close()


@pytest.mark.parametrize("name", ["with space.db", "50%41.db", "城市.db", "hash#1.db"])
def test_a_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / name.replace('%', '%25')}")
    assert is_up(store)
    store.close()
    assert (tmp_path / name).is_file()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wangge.db",
        "sqlite://",
        "sqlite:///:memory:",
        f"mysql://root:{SECRET}@host/city",
        f"mysql://host/city?user=root&password={SECRET}",
        f"postgresql+psycopg://gis:{SECRET}@host:port/city",
    ],
)
def test_an_address_that_is_no_store_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        open_store(url)
    assert refused.value.code == "store_url_wrong"
    assert SECRET not in str(refused.value) + refused.value.faults[0].zh


def test_a_server_that_does_not_answer_is_store_down_without_its_password(opened: list[Store]) -> None:
    opened.append(open_store(f"postgresql+psycopg://gis:{SECRET}@127.0.0.1:{free_port()}/city"))
    refused = refusal_of(opened[0])
    assert (refused.code, refused.kind) == ("store_down", "unavailable")
    assert "does not answer" in str(refused)
    assert SECRET not in str(refused) + refused.faults[0].zh
    assert not is_up(opened[0])


@pytest.mark.postgis
def test_a_database_that_does_not_exist_is_store_down(postgis_url: str, opened: list[Store]) -> None:
    opened.append(open_store(f"{postgis_url}_gone"))
    assert refusal_of(opened[0]).code == "store_down"


@pytest.mark.parametrize("trouble", ["folder", "no folder", "text"])
def test_a_path_that_is_no_database_is_store_down(tmp_path: Path, opened: list[Store], trouble: str) -> None:
    (tmp_path / "text.db").write_text("unit,code\n" * 500)
    path = {"folder": tmp_path, "no folder": tmp_path / "no" / "city.db", "text": tmp_path / "text.db"}[trouble]
    opened.append(open_store(f"sqlite:///{path}"))
    refused = refusal_of(opened[0])
    assert (refused.code, refused.kind) == ("store_down", "unavailable")
    assert not is_up(opened[0])


def test_every_way_into_a_store_that_is_away_is_store_down(tmp_path: Path, opened: list[Store]) -> None:
    opened.append(open_store(f"sqlite:///{tmp_path}"))
    opened.append(open_store(f"postgresql+psycopg://gis@127.0.0.1:{free_port()}/city"))
    for store in opened:
        for ask in (
            lambda store: publish(store, Publication((), "tester")),
            lambda store: allocate_uids(store, 1),
            current_head,
        ):
            with pytest.raises(Refusal) as refused:
                ask(store)
            assert refused.value.code == "store_down"


def test_a_damaged_database_is_store_down(tmp_path: Path, opened: list[Store]) -> None:
    path = tmp_path / "city.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE thing (name text)")
    connection.executemany("INSERT INTO thing VALUES (?)", [("x" * 500,) for _ in range(200)])
    connection.commit()
    connection.close()
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    opened.append(open_store(f"sqlite:///{path}"))
    assert refusal_of(opened[0], "SELECT * FROM thing").code == "store_down"


def test_a_reader_sees_one_state_to_its_end(store: Store) -> None:
    put(store, change(department, [department_row(1, "A")]))
    with reading(store.world) as connection:
        before = len(list_revisions(connection))
        put(store, change(department, [department_row(2, "B")]))
        assert len(list_revisions(connection)) == before
    assert current_head(store) == 2


def test_a_writer_that_fails_leaves_nothing(store: Store) -> None:
    def fail() -> None:
        with writing(store.world) as connection:
            connection.execute(text("UPDATE counter SET revision = 99"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert current_head(store) == 0


def test_a_closed_store_may_be_used_again(store: Store) -> None:
    store.close()
    put(store, change(department, [department_row(1, "A")]))
    assert len(rows_at(store, department)) == 1


def test_threads_share_a_store(store: Store) -> None:
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(current_head(store))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [0] * 8
