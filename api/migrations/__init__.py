"""Bring a store to the schema of this version. World and log have histories of their own: on SQLite they are two files."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from gis.errors import refuse
from gis.store.engine import Store, reading, writing

HERE = Path(__file__).parent
PARTS = ("world", "log")


def migrate(store: Store) -> list[str]:
    """Upgrade both parts, each in one transaction; tell which steps were taken, nothing when all was there."""
    taken = []
    for part, engine in zip(PARTS, (store.world, store.log), strict=True):
        before = current_step(engine, part)
        script = _config(part)
        with writing(engine) as connection:
            script.attributes["connection"] = connection
            command.upgrade(script, "head")
        after = current_step(engine, part)
        if after != before:
            taken.append(f"{part}: {before or 'nothing'} -> {after}")
    return taken


def check_schema(store: Store) -> None:
    """Make the schema of a store that has none. Errors: Refusal store_outdated for one of another version."""
    steps = {part: current_step(engine, part) for part, engine in zip(PARTS, (store.world, store.log), strict=True)}
    if not any(steps.values()):
        migrate(store)
        return
    for part, step in steps.items():
        newest = ScriptDirectory.from_config(_config(part)).get_current_head()
        if step != newest:
            raise refuse(
                "store_outdated",
                f"The store's {part} is at step {step or 'nothing'}, this program needs {newest}: run 'wangge migrate'.",
                f"数据库（{part}）处于版本 {step or '无'}，本程序需要 {newest}：请运行 wangge migrate。",
                kind="unavailable",
            )


def current_step(engine: Engine, part: str) -> str | None:
    """The migration that a part of the store is at, None for an empty one."""
    with reading(engine) as connection:
        if not inspect(connection).has_table(_version_table(part)):
            return None
        context = MigrationContext.configure(connection, opts={"version_table": _version_table(part)})
        return context.get_current_revision()


def _version_table(part: str) -> str:
    return f"schema_{part}"


def _config(part: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE / part))
    config.attributes["version_table"] = _version_table(part)
    return config
