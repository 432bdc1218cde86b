"""What a scope allows is the same in Python and in SQL."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gis.store.engine import Store, reading
from gis.store.scope import EVERYTHING, Scope
from grids.tables import department
from tests.gis.store.ledger import change, department_row, put, wipe

OWNERS = st.text(st.sampled_from("0134aA区%_"), max_size=5) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\U0010ffff"), max_size=3
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(OWNERS, unique=True, max_size=12), prefixes=st.lists(OWNERS, max_size=3))
def test_the_condition_in_sql_is_the_rule_in_python(store: Store, owners: list[str], prefixes: list[str]) -> None:
    wipe(store, department)
    put(store, change(department, [department_row(n, "D", owner=owner) for n, owner in enumerate(owners)]))
    scope = Scope(tuple(prefixes))
    with reading(store.world) as connection:
        found = connection.execute(select(department.c.owner).where(scope.clause(department.c.owner))).scalars()
        assert set(found) == {owner for owner in owners if scope.allows_owner(owner)}


def test_a_city_reads_its_own_what_lies_below_and_what_its_province_declares() -> None:
    scope = Scope(("4403",))
    assert [owner for owner in ("", "44", "4403", "440305", "4404", "45") if scope.allows_owner(owner)] == [
        "",
        "44",
        "4403",
        "440305",
    ]


def test_no_prefix_allows_nothing_and_the_empty_prefix_everything() -> None:
    assert not Scope(()).allows_owner("44")
    assert not Scope(()).allows_owner("")
    assert EVERYTHING.allows_owner("44")


def test_a_scope_may_be_limited_to_layers() -> None:
    assert EVERYTHING.allows_layer("units")
    assert Scope(layers=frozenset({"units"})).allows_layer("units")
    assert not Scope(layers=frozenset({"units"})).allows_layer("components")
