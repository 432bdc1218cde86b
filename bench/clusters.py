"""A PostGIS server with a city in it, made once and kept under .cache/bench; each run works on a copy."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from psycopg.errors import Error as PostgresError
from psycopg.sql import SQL, Identifier

from bench.progress import tell
from bench.results import NotMeasurable
from tests.fixtures.postgis import execute, free_port, programs, runner

CITY = "city"
SETTINGS = "-c shared_buffers=512MB -c max_wal_size=4GB -c listen_addresses=127.0.0.1"
"""Beside these PostgreSQL is as it comes: what is committed is on the disk."""


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """The address, without a database, of a server whose data lie in a folder; made where there are none.

    Errors: NotMeasurable where PostgreSQL is not there or cannot use the folder.
    """
    home = folder / "postgis"
    port = free_port()
    try:
        found = programs()
        if not (home / "data" / "PG_VERSION").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            initdb = (str(found / "initdb"), "-D", str(home / "data"), "--username=postgres", "--auth=trust")
            runner(home)(*initdb, "--encoding=UTF8", "--locale=C.UTF-8")
        control = (str(found / "pg_ctl"), "-D", str(home / "data"))
        run = runner(home)
        run(*control, "-l", str(home / "log"), "-w", "-o", f"-p {port} -k {home} {SETTINGS}", "start")
    except pytest.fail.Exception as reason:
        raise NotMeasurable(f"PostgreSQL cannot be used: {str(reason).splitlines()[-1]}") from None
    try:
        yield f"postgresql+psycopg://postgres@127.0.0.1:{port}"
    finally:
        run(*control, "-m", "fast", "stop")


@contextmanager
def copied(server: str) -> Iterator[str]:
    """The address of a database that is a copy of the city's, dropped in the end."""
    tell("copying the city within PostgreSQL")
    name = f"bench_{uuid4().hex[:12]}"
    admin = f"{server}/postgres"
    execute(admin, SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(Identifier(name), Identifier(CITY)))
    try:
        yield f"{server}/{name}"
    finally:
        execute(admin, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def has_city(server: str) -> bool:
    """Whether the city is in the server in full."""
    try:
        execute(f"{server}/{CITY}", SQL("SELECT 1"))
    except PostgresError:
        return False
    return True


def empty(server: str, name: str, like: str | None = None) -> None:
    """Make a database with nothing but PostGIS in it, or what another one has, in place of one that has the name."""
    admin = f"{server}/postgres"
    execute(admin, SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
    execute(admin, SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(like or "template1")))
    if like is None:
        execute(f"{server}/{name}", SQL("CREATE EXTENSION postgis"))


@contextmanager
def filling(server: str) -> Iterator[str]:
    """The address of a database with PostGIS that becomes the city's when it was filled without an error."""
    draft, admin = f"draft_{CITY}", f"{server}/postgres"
    execute(admin, SQL("DROP DATABASE IF EXISTS {}").format(Identifier(draft)))
    execute(admin, SQL("CREATE DATABASE {}").format(Identifier(draft)))
    execute(f"{server}/{draft}", SQL("CREATE EXTENSION postgis"))
    yield f"{server}/{draft}"
    execute(f"{server}/{draft}", SQL("VACUUM ANALYZE"))
    execute(admin, SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(draft), Identifier(CITY)))
