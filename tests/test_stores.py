"""The stores that the other tests stand on."""

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool


@pytest.fixture
def engine(store_url: str) -> Engine:
    return create_engine(store_url, poolclass=NullPool)


def test_a_fresh_store_answers(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_what_one_test_writes_no_other_test_sees(engine: Engine, turn: int) -> None:
    assert not inspect(engine).has_table("trace")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE trace (turn integer)"))
    assert inspect(engine).has_table("trace")


@pytest.mark.postgis
def test_a_postgis_store_has_the_extension(postgis_url: str) -> None:
    with create_engine(postgis_url, poolclass=NullPool).connect() as connection:
        metres = connection.execute(text("SELECT ST_Length('LINESTRING(0 0, 3 4)'::geometry)")).scalar_one()
    assert metres == 5
