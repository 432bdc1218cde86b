"""Bring a store to the schema of this version.

World and log have histories of their own: on SQLite they are two files.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from gis.errors import Refusal, refuse
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head

HERE = Path(__file__).parent
PARTS = ("world", "log")
# Any number that nothing else in the database uses for its own advisory locks.
MIGRATION_LOCK = 0x77616E676765


def migrate(store: Store) -> list[str]:
    """Upgrade both parts, each in one transaction; tell which steps were taken, nothing when all was there.

    Processes that start together wait for each other. Errors: Refusal store_newer, postgis_missing, store_busy,
    store_down.
    """
    taken = []
    for part, engine in _parts(store):
        with writing(engine) as connection:
            _prepare(connection)
            before = _step(connection, part)
            if before is not None and before not in _steps(part):
                raise _too_new(part, before)
            script = _config(part)
            script.attributes["connection"] = connection
            command.upgrade(script, "head")
            after = _step(connection, part)
        if after != before:
            taken.append(f"{part}: {before or 'nothing'} -> {after}")
    return taken


def check_schema(store: Store) -> None:
    """Make the schema of a store that has none. Errors: Refusal store_outdated, store_newer for another version's."""
    steps = {part: current_step(engine, part) for part, engine in _parts(store)}
    if not any(steps.values()) or _is_half_made(store, steps):
        migrate(store)
        return
    for part, step in steps.items():
        newest = _steps(part)[0]
        if step is not None and step not in _steps(part):
            raise _too_new(part, step)
        if step != newest:
            raise refuse(
                "store_outdated",
                f"The store's {part} is at step {step or 'nothing'}, this program needs {newest}: "
                "run 'wangge migrate'.",
                f"数据库（{part}）处于版本 {step or '无'}，本程序需要 {newest}：请运行 wangge migrate。",
                kind="unavailable",
            )


def _is_half_made(store: Store, steps: Mapping[str, str | None]) -> bool:
    """Whether the making of a new store was cut off before its log: nothing was ever published in it.

    In a store that holds something a missing log is a lost file, which must not be made anew in silence.
    """
    return steps["log"] is None and steps["world"] == _steps("world")[0] and current_head(store) == 0


def current_step(engine: Engine, part: str) -> str | None:
    """The migration that a part of the store is at, None for an empty one."""
    with reading(engine) as connection:
        return _step(connection, part)


def _parts(store: Store) -> Iterator[tuple[str, Engine]]:
    return zip(PARTS, (store.world, store.log), strict=True)


def _prepare(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        return  # a writer of SQLite is alone already
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    if connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'postgis'")).first() is None:
        raise refuse(
            "postgis_missing",
            "The database has no PostGIS: run 'CREATE EXTENSION postgis' in it as an administrator, then try again.",
            "数据库未安装 PostGIS 扩展：请由管理员在该库中执行 CREATE EXTENSION postgis 后重试。",
            kind="unavailable",
        )


def _step(connection: Connection, part: str) -> str | None:
    if not inspect(connection).has_table(_version_table(part)):
        return None
    return MigrationContext.configure(connection, opts={"version_table": _version_table(part)}).get_current_revision()


def _steps(part: str) -> list[str]:
    """The steps this program knows, newest first."""
    return [step.revision for step in ScriptDirectory.from_config(_config(part)).walk_revisions()]


def _too_new(part: str, step: str) -> Refusal:
    return refuse(
        "store_newer",
        f"The store's {part} is at step {step}, which this program does not know: "
        "it was written by a newer version; use that one.",
        f"数据库（{part}）处于版本 {step}，本程序无法识别：该库由更新的版本写入，请使用新版本程序。",
        kind="unavailable",
    )


def _version_table(part: str) -> str:
    return f"schema_{part}"


def _config(part: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE / part))
    config.attributes["version_table"] = _version_table(part)
    return config
