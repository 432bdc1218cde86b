"""The schema that migrations make is the one the program uses."""

import multiprocessing
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, MetaData, text
from sqlalchemy.exc import IntegrityError

import api.jobs.tables
import api.keys
import api.migrations
import api.rasters.tables
import api.webhooks.tables
import cases.tables
import components.tables
import grids.drafts.tables
import grids.tables
from api.migrations import check_schema, current_step, migrate
from gis.errors import Refusal
from gis.store.engine import Store, open_store, reading, writing
from gis.store.revisions import current_head
from gis.store.tables import LOG, WORLD
from tests.fixtures.postgis import database, execute

STEPS = {
    "world": ["0012", "0011", "0009", "0008", "0007", "0006", "0005", "0004", "0003", "0002", "0001"],
    "log": ["0006", "0005", "0004", "0003", "0002", "0001"],
}
# Every module that adds tables to the metadata.
MODULES = (
    api.jobs.tables,
    api.keys,
    api.rasters.tables,
    api.webhooks.tables,
    cases.tables,
    components.tables,
    grids.drafts.tables,
    grids.tables,
)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def engines(store: Store) -> list[tuple[Engine, list[MetaData]]]:
    """The databases of a store, each with the tables that live there."""
    if store.log is store.world:
        return [(store.world, [WORLD, LOG])]
    return [(store.world, [WORLD]), (store.log, [LOG])]


def is_ours(item: Any, name: str | None, kind: str, reflected: bool, _other: Any) -> bool:
    """Leave out what PostGIS and the R*Trees bring, the spatial indexes, and the table of migrations."""
    if not reflected or name is None:
        return True
    if kind == "table":
        return "_rtree" not in name and name != "spatial_ref_sys" and not name.startswith("schema_")
    return kind != "index" or item.dialect_kwargs.get("postgresql_using") != "gist"


def written_alike(context: MigrationContext, _a: Any, _b: Any, there: Any, meant: Any) -> bool:
    """False: the types are the same (None would ask alembic, which does not know ours)."""
    said = meant.compile(context.dialect)
    return bool(there.compile(context.dialect) != {"FLOAT(53)": "DOUBLE PRECISION"}.get(said, said))


def differences(connection: Connection, metadata: list[MetaData]) -> Any:
    options = {"compare_type": written_alike, "include_object": is_ours}
    return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)  # type: ignore[arg-type]


def test_the_migrated_schema_is_the_one_of_the_tables(store: Store) -> None:
    migrate(store)
    for engine, metadata in engines(store):
        with reading(engine) as connection:
            assert differences(connection, metadata) == []


CATALOGUE = {
    "sqlite": """
        SELECT tbl_name, name, sql FROM sqlite_master WHERE sql IS NOT NULL
    """,
    "postgresql": """
        SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT c.table_name, c.column_name, concat_ws(' ', c.data_type, c.udt_name, c.is_nullable,
            c.collation_name, c.column_default, format_type(a.atttypid, a.atttypmod))
        FROM information_schema.columns c JOIN pg_attribute a
        ON a.attrelid = c.table_name::regclass AND a.attname = c.column_name WHERE c.table_schema = 'public'
        UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
    """,
}


def catalogue(connection: Connection) -> set[tuple[str, str, str]]:
    """What the database itself says of our tables: partial indexes, collations and defaults too."""
    rows = connection.execute(text(CATALOGUE[connection.dialect.name])).all()
    known = WORLD.tables.keys() | LOG.tables.keys()
    return {
        (table, name, _in_order(definition))
        for table, name, definition in rows
        if table in known and "USING gist" not in definition
    }


def _in_order(definition: str) -> str:
    """The definition with the columns of a table sorted: SQLite writes those that came later behind the constraints."""
    head, opening, body = " ".join(definition.split()).partition("(")
    head = head.replace('"', "")  # SQLite quotes the name of a table that was made anew
    if not head.startswith("CREATE TABLE"):
        return head + opening + body
    return head + ", ".join(sorted(each.strip() for each in re.split(r",(?![^(]*\))", body.removesuffix(")"))))


def test_the_database_describes_the_migrated_tables_as_it_would_describe_the_programs(
    store: Store, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    migrate(store)
    if store.dialect == "sqlite":
        compare_with_made(store, f"sqlite:///{tmp_path / 'made.db'}")
    else:
        server, template = (request.getfixturevalue(f"postgis_{name}") for name in ("server", "template"))
        with database(server, template) as url:
            compare_with_made(store, url)


def compare_with_made(store: Store, url: str) -> None:
    made = open_store(url)
    try:
        for (engine, _), (other, metadata) in zip(engines(store), engines(made), strict=True):
            with writing(other) as connection:
                for each in metadata:
                    each.create_all(connection)
            with reading(engine) as one, reading(other) as two:
                assert len(catalogue(one)) >= sum(len(each.tables) for each in metadata)
                assert catalogue(one) == catalogue(two)
    finally:
        made.close()


def test_every_spatial_table_has_its_index(store: Store) -> None:
    migrate(store)
    spatial = {table.name for table in WORLD.tables.values() if table.info.get("spatial")}
    with reading(store.world) as connection:
        if store.dialect == "sqlite":
            found = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%USING rtree%'")).scalars()
            assert {name.removesuffix("_rtree") for name in found} == spatial
        else:
            found = connection.execute(text("SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%USING gist%'"))
            assert set(found.scalars()) == spatial


def test_migrating_tells_what_it_did_and_twice_does_nothing(store: Store) -> None:
    assert [current_step(store.world, "world"), current_step(store.log, "log")] == [None, None]
    assert migrate(store) == [f"world: nothing -> {STEPS['world'][0]}", f"log: nothing -> {STEPS['log'][0]}"]
    with writing(store.world) as connection:
        connection.execute(text("UPDATE counter SET revision = 5"))
    assert migrate(store) == []
    assert current_head(store) == 5


def test_an_empty_store_gets_its_schema_and_a_newest_one_stays(store: Store) -> None:
    check_schema(store)
    check_schema(store)
    assert current_head(store) == 0


def test_a_store_of_the_first_step_is_brought_to_the_newest_with_what_it_holds(store: Store) -> None:
    with writing(store.world) as connection:
        api.migrations._prepare(connection)
        script = api.migrations._config("world")
        script.attributes["connection"] = connection
        command.upgrade(script, "0001")
        connection.execute(
            text(
                "INSERT INTO department (uid, owner, code, from_revision, name, ids) "
                "VALUES (1, '44', 'D', 1, 'x', '{}')"
            )
        )
    assert migrate(store) == [f"world: 0001 -> {STEPS['world'][0]}", f"log: nothing -> {STEPS['log'][0]}"]
    with reading(store.world) as connection:
        assert connection.execute(text("SELECT code FROM department")).scalars().all() == ["D"]
        assert connection.execute(text("SELECT count(*) FROM lineage")).scalar_one() == 0


def test_cases_that_were_decided_before_have_a_standing_after_migrating(store: Store) -> None:
    migrate(store)
    report = {"lon": 114.005, "lat": 22.505, "crs": "CRS84", "edition": "2026", "kind": "matter", "class_code": "06010"}
    begin_log_at(store, "0004")
    row = {
        "source": "s",
        "digest": "",
        "received_at": datetime(2026, 5, 1, tzinfo=UTC),
        "revision": 1,
        "unit": "U",
        "department": "D",
        "advice": "dispatch",
        "routing": {},
    }
    with writing(store.log) as connection:
        for case_id, version, said in (("1", 1, {}), ("1", 2, report), ("2", 0, report | {"lon": "east"})):
            made = row | {"case_id": case_id, "version": version, "report": said}
            connection.execute(cases.tables.decision.insert().values(**made))
    assert migrate(store) == [f"log: 0004 -> {STEPS['log'][0]}"]
    with reading(store.log) as connection:
        stands = connection.execute(cases.tables.standing.select()).mappings().all()
    assert [(each["case_id"], each["lon"], each["class_code"], each["is_open"]) for each in stands] == [
        ("1", 114.005, "06010", True),
        ("2", None, None, True),
    ]


def begin_log_at(store: Store, step: str) -> None:
    """Make the log anew as it was at an earlier step."""
    lose_the_log(store)
    config = api.migrations._config("log")
    with writing(store.log) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, step)


def test_decisions_of_an_older_schema_are_kept_and_may_be_made_anew(store: Store) -> None:
    migrate(store)
    engine = store.log
    names = "source, case_id, version, digest, received_at, revision, unit, advice, report, routing"
    row = "'s', 'c', {version}, '', '2026-01-01T00:00:00.000000Z', 1, '44', 'dispatch', '{{}}', '{{\"a\":1}}'"
    begin_log_at(store, "0004")
    with writing(engine) as connection:
        for version in (1, 2):
            connection.exec_driver_sql(f"INSERT INTO decision ({names}) VALUES ({row.format(version=version)})")
    assert migrate(store) == [f"log: 0004 -> {STEPS['log'][0]}"]
    with writing(engine) as connection:
        held = connection.execute(text("SELECT position, version, unit, round FROM decision ORDER BY position")).all()
        assert [tuple(each) for each in held] == [(1, 1, "44", 0), (2, 2, "44", 0)]
        values = row.format(version=2)
        connection.exec_driver_sql(f"INSERT INTO decision ({names}, round) VALUES ({values}, 1)")
        assert connection.execute(text("SELECT max(position) FROM decision")).scalar_one() == 3
    with pytest.raises(IntegrityError), engine.connect() as connection:
        connection.exec_driver_sql(f"INSERT INTO decision ({names}, round) VALUES ({values}, 1)")


def set_step(store: Store, part: str, step: str) -> None:
    engine = store.world if part == "world" else store.log
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE schema_{part} SET version_num = :step"), {"step": step})


def lose_the_log(store: Store) -> None:
    with writing(store.log) as connection:
        tables = ("decision", "job", "proposal", "outcome", "standing", "case_text", "erasure", "rerouting", "webhook")
        for table in (*tables, "schema_log"):
            connection.execute(text(f"DROP TABLE {table}"))


def test_a_store_that_lost_its_log_is_refused_and_healed_by_migrating(store: Store) -> None:
    migrate(store)
    with writing(store.world) as connection:
        connection.execute(text("UPDATE counter SET revision = 5"))
    lose_the_log(store)
    with pytest.raises(Refusal) as refused:
        check_schema(store)
    assert (refused.value.code, refused.value.kind) == ("store_outdated", "unavailable")
    assert "wangge migrate" in str(refused.value)
    assert migrate(store) == [f"log: nothing -> {STEPS['log'][0]}"]
    check_schema(store)


def test_a_store_whose_making_was_cut_off_is_finished(store: Store) -> None:
    migrate(store)
    lose_the_log(store)
    check_schema(store)
    assert migrate(store) == []


def test_an_older_schema_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(store)
    # As if this program had one step more than the store.
    monkeypatch.setattr("api.migrations._steps", lambda part: ["9999", *STEPS[part]])
    with pytest.raises(Refusal) as refused:
        check_schema(store)
    assert refused.value.code == "store_outdated"
    assert STEPS["world"][0] in str(refused.value)
    assert "9999" in str(refused.value)


@pytest.mark.parametrize("part", ["world", "log"])
def test_a_schema_of_a_newer_program_is_left_alone(store: Store, part: str) -> None:
    migrate(store)
    set_step(store, part, "9999")
    for deed in (check_schema, migrate):
        with pytest.raises(Refusal) as refused:
            deed(store)
        assert (refused.value.code, refused.value.kind) == ("store_newer", "unavailable")


def test_a_migration_that_fails_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with writing(store.world) as connection:
        connection.execute(text("CREATE TABLE rule (name text)"))  # somebody else's: the last table of the step
    with pytest.raises(Exception, match="already exists"):
        migrate(store)
    with reading(store.world) as connection:
        assert not connection.dialect.has_table(connection, "counter")
    assert current_step(store.world, "world") is None
    with writing(store.world) as connection:
        connection.execute(text("DROP TABLE rule"))
    migrate(store)
    assert current_head(store) == 0


def migrate_url(url: str) -> list[str]:
    store = open_store(url)
    try:
        return migrate(store)
    finally:
        store.close()


def test_processes_that_migrate_at_once_do_it_once(store_url: str) -> None:
    with multiprocessing.get_context("forkserver").Pool(3) as pool:
        taken = pool.map(migrate_url, [store_url] * 3, chunksize=1)
        pool.close()
        pool.join()
    assert sorted(step for steps in taken for step in steps) == [
        f"log: nothing -> {STEPS['log'][0]}",
        f"world: nothing -> {STEPS['world'][0]}",
    ]


@pytest.mark.postgis
def test_a_database_without_postgis_is_refused(postgis_server: str) -> None:
    with database(postgis_server) as url:
        with pytest.raises(Refusal) as refused:
            migrate_url(url)
        assert refused.value.code == "postgis_missing"
        assert "CREATE EXTENSION postgis" in str(refused.value)
        execute(url, "CREATE EXTENSION postgis")
        assert len(migrate_url(url)) == 2
