"""The three-way merge: what a delivery changes, what is kept, where both changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from grids.deliveries.merging import Outcome, Spoken, Triple, merge, shapes_alike, values_alike, weigh

FIELDS = ("code", "name", "extra", "geom")
State = Mapping[str, Any] | None

points = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(lambda xy: shapely.Point(xy[0] / 100, xy[1] / 100))
documents = st.one_of(st.none(), st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), max_size=2))
rows = st.fixed_dictionaries(
    {"code": st.just("C"), "name": st.sampled_from([None, "x", "y"]), "extra": documents, "geom": points}
)
states = st.one_of(st.none(), rows)
marks = st.one_of(st.none(), st.integers(0, 2))


def plain(state: State) -> Any:
    """A state as a value that == tells apart just as the merge should."""
    if state is None:
        return None
    extra = {key: value for key, value in (state["extra"] or {}).items() if value is not None}
    return state["name"], tuple(sorted(extra.items())), state["geom"].wkt


def verdict(base: State, delivered: State, now: State) -> Any:
    return merge([Triple("C", base, delivered, now)], FIELDS, "extra")[0]


@given(marks, marks, marks)
def test_a_row_is_weighed_by_who_changed_it(base: Any, delivered: Any, now: Any) -> None:
    they_changed, we_changed = delivered != base, now != base
    outcome = weigh(base, delivered, now)
    if delivered == now:
        assert outcome is Outcome.same
    elif they_changed and we_changed:
        assert outcome is Outcome.conflict
    elif we_changed:
        assert outcome is Outcome.kept
    else:
        assert outcome is (Outcome.new if base is None else Outcome.gone if delivered is None else Outcome.changed)


@given(marks, marks, marks)
def test_a_conflict_is_one_from_both_sides(base: Any, delivered: Any, now: Any) -> None:
    assert (weigh(base, delivered, now) is Outcome.conflict) == (weigh(base, now, delivered) is Outcome.conflict)


@given(states, states, states)
def test_rows_are_weighed_as_their_values_are(base: State, delivered: State, now: State) -> None:
    assert verdict(base, delivered, now).outcome is weigh(plain(base), plain(delivered), plain(now))


@given(states, states)
def test_a_delivery_of_the_base_changes_nothing(base: State, now: State) -> None:
    assert verdict(base, base, now).outcome in (Outcome.same, Outcome.kept)


@given(states, states, states)
def test_what_was_changed_here_is_never_overwritten(base: State, delivered: State, now: State) -> None:
    found = verdict(base, delivered, now)
    if plain(now) != plain(base):
        assert found.outcome in (Outcome.same, Outcome.kept, Outcome.conflict)


@given(states, states)
def test_where_nobody_changed_anything_here_the_delivery_is_what_comes_out(base: State, delivered: State) -> None:
    found = verdict(base, delivered, base)
    changes = found.outcome in (Outcome.changed, Outcome.new, Outcome.gone)
    assert changes == (plain(delivered) != plain(base))
    if changes:
        assert plain(found.row.delivered) == plain(delivered)


@given(rows, rows, rows)
def test_the_fields_of_a_conflict_are_those_that_differ(base: State, delivered: State, now: State) -> None:
    assert delivered is not None
    assert now is not None
    found = verdict(base, delivered, now)
    if found.outcome is Outcome.conflict:
        ours, theirs = plain(now), plain(delivered)
        differ = [name for name, left, right in zip(FIELDS[1:], ours, theirs, strict=True) if left != right]
        assert list(found.fields) == differ


@given(rows, rows, st.sets(st.sampled_from(["name", "geom"])), st.sets(st.sampled_from("ab")))
def test_what_a_file_does_not_speak_of_stays(
    delivered: Mapping[str, Any], base: Mapping[str, Any], fields: set[str], keys: set[str]
) -> None:
    full = Spoken(frozenset(fields), "extra", frozenset(keys)).complete(delivered, base, None)
    for name in ("name", "geom"):
        assert full[name] == (delivered if name in fields else base)[name]
    for key in "ab":
        assert full["extra"].get(key) == ((delivered if key in keys else base)["extra"] or {}).get(key)


@given(points, st.floats(-0.9e-8, 0.9e-8))
def test_a_shape_moved_by_less_than_a_millimetre_is_the_same_and_keeps_its_coordinates(
    point: shapely.Point, way: float
) -> None:
    now = {"code": "C", "name": "x", "extra": None, "geom": point}
    delivered = {**now, "name": "y", "geom": shapely.Point(point.x + way, point.y)}
    found = verdict(now, delivered, now)
    assert (found.outcome, found.fields) == (Outcome.changed, ("name",))
    assert found.row.delivered is not None
    assert found.row.delivered["geom"] == point


def test_rings_are_the_same_wherever_they_begin_and_in_a_collection_of_one() -> None:
    square = shapely.box(0, 0, 1, 1)
    turned = shapely.Polygon([(1, 1), (1, 0), (0, 0), (0, 1)])
    other = shapely.box(0, 0, 1, 1.0001)
    ones = np.array([square, square, square, None, square], dtype=object)
    others = np.array([turned, shapely.MultiPolygon([turned]), other, None, None], dtype=object)
    assert shapes_alike(ones, others).tolist() == [True, True, False, True, False]


def test_a_value_is_the_same_when_it_went_through_text_but_not_when_digits_were_lost() -> None:
    assert values_alike(5, "5")
    assert values_alike(5.5, "5.50")
    assert values_alike(True, "true")
    assert not values_alike(7, "07")
    assert not values_alike(12345678901234567, "12345678901234568")
    assert not values_alike(None, "")
    assert not values_alike(5, "five")
