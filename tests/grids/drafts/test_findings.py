"""What a draft is told of its checks is what the checks of everything tell, on both stores."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import shapely

from gis.store.engine import Store, open_store, reading, writing
from grids.checks import Report
from grids.drafts.findings import check_draft
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.records import create_draft
from grids.drafts.workbench import Work, Workbench
from grids.edits.value import GAPS, UNITS, Feature
from tests.grids.drafts.conftest import DOORS
from tests.grids.edits.cities import BLANK, EAST, WEST
from tests.grids.founding import found

STEP = 1e-3
Make = Callable[[Sequence[tuple[str, Any]], Sequence[Any]], Workbench]


def box(west: float, south: float, east: float, north: float) -> Any:
    """A rectangle in steps, with a node at every step, so that rectangles side by side match."""
    xs, ys = range(int(west), int(east)), range(int(south), int(north))
    ring = [(x, south) for x in xs] + [(east, y) for y in ys]
    ring += [(east - x + west, north) for x in xs] + [(west, north - y + south) for y in ys]
    return shapely.Polygon([(round(114 + x * STEP, 9), round(22 + y * STEP, 9)) for x, y in ring])


@pytest.fixture
def make(made_url: str) -> Iterator[Make]:
    """Makes a bench over a grid of these units by code, and of these named gaps."""
    stores: list[Store] = []

    def made(units: Sequence[tuple[str, Any]], gaps: Sequence[Any] = ()) -> Workbench:
        store = open_store(made_url)
        stores.append(store)
        features = [Feature(UNITS, n, code, shape, {**BLANK}) for n, (code, shape) in enumerate(units, 1)]
        features += [
            Feature(GAPS, 900 + n, f"g{n}", shape, {"name": f"g{n}", "note": None}) for n, shape in enumerate(gaps)
        ]
        found(store, features)
        return Workbench(store, DOORS)

    yield made
    for each in stores:
        each.close()


def report(bench: Workbench, work: Work) -> Report:
    with reading(bench.store.world) as connection:
        return check_draft(connection, work.sketch)


def drafted(bench: Workbench, begin: Callable[..., Any], *edits: dict[str, Any]) -> Work:
    return bench.add(begin().id, edits, "anna", None)[0]


def squares(codes: Sequence[str]) -> list[tuple[str, Any]]:
    """Units side by side from west to east."""
    return [(code, box(n, 0, n + 1, 1)) for n, code in enumerate(codes)]


def test_who_keeps_a_code_that_another_had_before_may_be_edited(make: Make) -> None:
    """After a community was numbered anew with reuse, its units go on being edited."""
    bench = make(squares([f"{WEST}00{n}" for n in (2, 1, 3)]))
    begin = beginner(bench)
    work = drafted(bench, begin, {"op": "renumber", "community": WEST, "reuse": True})
    publish_draft(bench, work.draft.id, Wanted(work.draft.version, "anna"))
    work = drafted(bench, begin, {"op": "set", "unit": f"{WEST}001", "attributes": {"note": "x"}})
    assert report(bench, work).blocks == ()
    publish_draft(bench, work.draft.id, Wanted(work.draft.version, "anna"))


def test_a_unit_far_from_all_others_of_its_community_is_told_of(make: Make) -> None:
    units = squares([f"{WEST}001", *(f"{EAST}00{n}" for n in range(1, 6))])
    bench = make(units)
    beyond = {"op": "add", "geometry": shapely.geometry.mapping(box(6, 0, 7, 1)), "code": f"{WEST}002"}
    found_here = report(bench, drafted(bench, beginner(bench), beyond))
    assert "outside_community" in {each.check for each in found_here.findings}


def test_ground_that_others_have_far_out_is_no_gap(make: Make) -> None:
    """Of the lake, which only comes near to what is edited, not all neighbours are looked at at first."""
    edited, beside, lake, behind = box(0, 0, 1, 1), box(1, 0, 2, 1), box(2, 0, 6, 1), box(6, 0, 7, 1)
    south, north = shapely.coverage_union_all([box(2, -1, 8, 0), box(7, 0, 8, 1)]), box(2, 1, 8, 2)
    codes = [f"{WEST}00{n}" for n in range(1, 6)]
    bench = make(list(zip(codes, (edited, beside, behind, south, north), strict=True)), [lake])
    work = drafted(bench, beginner(bench), {"op": "set", "unit": codes[0], "attributes": {"note": "x"}})
    assert [each.fault.en for each in report(bench, work).blocks] == []


def beginner(bench: Workbench) -> Callable[[], Any]:
    def begin() -> Any:
        with writing(bench.store.world) as connection:
            return create_draft(connection, "", "draft", "anna")

    return begin
