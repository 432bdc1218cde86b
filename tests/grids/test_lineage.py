"""Lineage: written with the revision, walked by uid and revision."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from gis.errors import Refusal
from gis.store.engine import Store, reading, writing
from gis.store.lineage import Descent
from gis.store.revisions import current_head
from gis.store.scope import EVERYTHING, Scope
from gis.store.tables import lineage
from grids.lineage import ancestors, find_holder, graph, successors
from grids.tables import unit
from tests.gis.store.ledger import change, put, square, unit_row, wipe

A, B, C, D, E = (f"44030500100100{n}" for n in range(1, 6))


def heirs(store: Store, code: str, at: int, scope: Scope = EVERYTHING) -> list[str]:
    with reading(store.world) as connection:
        holder = find_holder(connection, unit, code, scope, at)
        assert holder is not None
        return successors(connection, unit, holder, scope, at)


def forebears(store: Store, code: str, at: int) -> list[str]:
    with reading(store.world) as connection:
        holder = find_holder(connection, unit, code, EVERYTHING, at)
        assert holder is not None
        return ancestors(connection, unit, holder, EVERYTHING, at)


def split_and_merge(store: Store) -> None:
    """1: A. 2: A is split into B and C. 3: C is split into D and E. 4: B and D become A's ground again, as B."""
    put(store, change(unit, [unit_row(1, A, square(0, 0))]))
    parts = [unit_row(2, B, square(0, 0)), unit_row(3, C, square(1, 0))]
    put(store, change(unit, parts, [1]), lineage=(Descent(1, 2, "split"), Descent(1, 3, "split")))
    parts = [unit_row(4, D, square(1, 0)), unit_row(5, E, square(2, 0))]
    put(store, change(unit, parts, [3]), lineage=(Descent(3, 4, "split"), Descent(3, 5, "split")))
    put(store, change(unit, [unit_row(2, B, square(0, 0, 0.002))], [2, 4]), lineage=(Descent(4, 2, "merge"),))


def test_successors_are_those_in_force_at_the_moment_asked(store: Store) -> None:
    split_and_merge(store)
    assert [heirs(store, A, at) for at in (1, 2, 3, 4)] == [[A], [B, C], [B, D, E], [B, E]]
    assert heirs(store, C, 3) == [D, E]
    assert heirs(store, C, 4) == [B, E]


def test_ancestors_go_back_as_far_as_there_is_anything(store: Store) -> None:
    split_and_merge(store)
    assert forebears(store, E, 4) == [A, C]
    assert forebears(store, B, 3) == [A]
    assert forebears(store, B, 4) == [A, C, D]


def test_the_graph_of_a_code_names_every_pair_once_in_order(store: Store) -> None:
    split_and_merge(store)
    with reading(store.world) as connection:
        holder = find_holder(connection, unit, C, EVERYTHING, 4)
        assert holder is not None
        pairs = graph(connection, unit, holder, EVERYTHING, 4)
        earlier = graph(connection, unit, holder, EVERYTHING, 3)
    told = [(each.revision, each.kind, each.from_code, each.to_code) for each in pairs]
    assert told == [(2, "split", A, C), (3, "split", C, D), (3, "split", C, E), (4, "merge", D, B)]
    assert earlier == pairs[:3]


def test_a_code_that_never_was_has_no_holder_and_one_of_later_neither(store: Store) -> None:
    split_and_merge(store)
    with reading(store.world) as connection:
        assert find_holder(connection, unit, "440305001001999", EVERYTHING, 4) is None
        assert find_holder(connection, unit, D, EVERYTHING, 2) is None
        assert find_holder(connection, unit, D, Scope(("440306",)), 4) is None


def test_a_renumbered_thing_is_its_own_successor(store: Store) -> None:
    put(store, change(unit, [unit_row(1, A, square(0, 0))]))
    put(store, change(unit, [unit_row(1, B, square(0, 0))], [1]))
    assert heirs(store, A, 2) == [B]
    assert forebears(store, B, 2) == []


def test_without_a_lineage_the_ground_tells_the_successors(store: Store) -> None:
    put(store, change(unit, [unit_row(1, A, square(0, 0, 0.002))]))
    halves = [unit_row(2, B, square(0, 0)), unit_row(3, C, square(1, 1)), unit_row(4, D, square(2, 0))]
    put(store, change(unit, halves, [1]))
    assert heirs(store, A, 2) == [B, C]


def test_a_successor_out_of_scope_is_not_told(store: Store) -> None:
    put(store, change(unit, [unit_row(1, A, square(0, 0))]))
    other = "440306001001001"
    parts = [unit_row(2, B, square(0, 0)), unit_row(3, other, square(1, 0))]
    put(store, change(unit, parts, [1]), lineage=(Descent(1, 2, "split"), Descent(1, 3, "split")))
    assert heirs(store, A, 2) == [B, other]
    assert heirs(store, A, 2, Scope(("440305",))) == [B]


@pytest.mark.parametrize(
    "pairs",
    [
        (Descent(1, 1, "split"),),
        (Descent(9, 2, "split"),),
        (Descent(1, 9, "split"),),
        (Descent(2, 1, "merge"),),
        (Descent(1, 2, "split"), Descent(1, 2, "merge")),
    ],
    ids=["its own heir", "from what does not end", "to what does not begin", "backward", "twice"],
)
def test_a_wrong_pair_is_refused_and_nothing_is_published(store: Store, pairs: tuple[Descent, ...]) -> None:
    put(store, change(unit, [unit_row(1, A, square(0, 0))]))
    with pytest.raises(Refusal) as refused:
        put(store, change(unit, [unit_row(2, B, square(0, 0))], [1]), lineage=pairs)
    assert refused.value.code == "lineage_wrong"
    assert current_head(store) == 1
    with reading(store.world) as connection:
        assert connection.execute(select(lineage)).all() == []


DEEDS = st.lists(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=5), min_size=1, max_size=6)


@given(DEEDS)
@example([[(2, 4)], [(4, 1)], [(1, 4)]])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_walks_end_and_tell_what_a_walk_by_hand_tells(store: Store, deeds: list[list[tuple[int, int]]]) -> None:
    """Uids end and come back at random: a walk by hand over versions is the oracle."""
    wipe(store, unit)
    with writing(store.world) as connection:
        connection.execute(delete(lineage))
    alive: set[int] = set()
    history: list[tuple[set[int], set[tuple[int, int]]]] = []
    for pairs in [[(0, uid) for uid in (1, 2, 3)], *deeds]:
        ended = {one for one, _ in pairs} & alive
        begun = {two for one, two in pairs if one in ended or one == 0} - (alive - ended)
        descent = {(one, two) for one, two in pairs if one in ended and two in begun and one != two}
        rows = [unit_row(uid, f"44030500100{uid:04}", square(uid * 3, 3 * len(history))) for uid in begun]
        put(store, change(unit, rows, ended), lineage=[Descent(one, two, "split") for one, two in sorted(descent)])
        alive = (alive - ended) | begun
        history.append((set(alive), descent))
    last = len(history)

    def walk(uid: int, number: int) -> set[int]:
        """Who has at the end what `uid` had before revision `number`."""
        for step in range(number, last + 1):
            there, pairs = history[step - 1]
            if uid not in there:
                return set().union(*(walk(two, step + 1) for one, two in pairs if one == uid))
        return {uid}

    for uid in range(1, 7):
        lives = [step for step, (there, _) in enumerate(history, 1) if uid in there]
        code = f"44030500100{uid:04}"
        if lives:
            expected = sorted(f"44030500100{one:04}" for one in walk(uid, lives[-1] + 1))
            assert heirs(store, code, last) == expected
            forebears(store, code, last)
