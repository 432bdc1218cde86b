"""The files of the next revision are those of the one before and what changed; answers are those of files made anew."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from api.worlds import Worlds
from cases.desk import Desk, load_desk
from gis.heap.folder import Folder
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import Change, Publication, allocate_uids, publish
from grids.tables import area, area_layer, department, division, gap, unit
from tests.api.desks import differences
from tests.coverages import lattice

Rows = dict[int, dict[str, Any]]


@pytest.fixture
def store(made_url: str) -> Iterator[Store]:
    store = open_store(made_url)
    yield store
    store.close()


class City:
    """Units as they are in force, and ways to change some of them that keep the coverage valid."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.random = store, np.random.default_rng(seed)
        self.units: Rows = {}
        self.number = 0
        polygons, codes = lattice(14, 14, 2)
        fresh = allocate_uids(store, len(polygons))
        self.publish({}, {uid: row(uid, code, shape) for uid, code, shape in zip(fresh, codes, polygons, strict=True)})

    def publish(self, over: Rows, begun: Rows, *others: Change) -> int:
        changed = {uid: self.units.pop(uid) for uid in over} | {
            uid: self.units[uid] for uid in begun if uid in self.units
        }
        self.units |= begun
        change = Change(unit, np.array(list(changed), dtype=np.int64), list(begun.values()))
        self.number = publish(self.store, Publication((change, *others), "test", base=self.number))[0].number
        return self.number

    def any_units(self, count: int) -> list[int]:
        return [int(each) for each in self.random.choice(sorted(self.units), count, replace=False)]

    def rename(self) -> int:
        (uid,) = self.any_units(1)
        return self.publish({}, {uid: {**self.units[uid], "code": f"{self.random.integers(10**6):06d}x"}})

    def leave(self) -> int:
        uids = self.any_units(2)
        return self.publish({uid: self.units[uid] for uid in uids}, {})

    def merge(self) -> int:
        (uid,) = self.any_units(1)
        shape = self.units[uid]["geom"]
        for other, its in self.units.items():
            if other != uid and shapely.relate_pattern(shape, its["geom"], "F***1****"):
                (new,) = allocate_uids(self.store, 1)
                both = shapely.coverage_union_all([shape, its["geom"]])
                return self.publish({uid: {}, other: {}}, {new: row(new, f"m{new}", both)})
        return self.rename()

    def move(self) -> int:
        (uid,) = self.any_units(1)
        before = shapely.get_coordinates(self.units[uid]["geom"])[0]
        after = np.round(before + self.random.uniform(-1e-5, 1e-5, 2), 9)

        def moved(xy: NDArray[Any]) -> NDArray[Any]:
            return np.where((xy == before).all(axis=1)[:, None], after, xy)

        near = {
            each: {**its, "geom": shapely.transform(its["geom"], moved)}
            for each, its in self.units.items()
            if (shapely.get_coordinates(its["geom"]) == before).all(axis=1).any()
        }
        return self.publish({}, near)

    def come(self) -> int:
        """A unit where one has left, or beside the grid."""
        (new,) = allocate_uids(self.store, 1)
        _, south, east, north = shapely.total_bounds([its["geom"] for its in self.units.values()])
        return self.publish({}, {new: row(new, f"n{new}", shapely.box(east + 1e-4, south, east + 3e-4, north))})


def row(uid: int, code: str, shape: Any) -> dict[str, Any]:
    return {
        "uid": int(uid), "owner": str(code), "code": str(code), "geom": shape, "name": None, "area_m2": 1.0,
        "initial_date": None, "end_date": None, "note": None, "attributes": None,
    }  # fmt: skip


def unlike(one: Desk, other: Desk, seed: int) -> list[str]:
    """The parts in which two desks differ, asked at any points and at nodes."""
    random, bounds = np.random.default_rng(seed), (114.045, 22.535, 114.07, 22.555)
    nodes = random.permutation(other.grid.units.edges()[0])[:2000]
    return differences(one, other, np.concatenate([random.uniform(bounds[:2], bounds[2:], (4000, 2)), nodes]))


def anew(store: Store, at: int) -> Desk:
    with reading(store.world) as connection:
        return load_desk(connection, at)


def test_a_world_that_followed_revision_by_revision_is_one_built_anew(store: Store, tmp_path: Path) -> None:
    city = City(store, 1)
    writer, reader = (Worlds(store, tmp_path / "world", poll_s=0) for _ in range(2))
    writer.newest()
    reader.newest()
    generation = Folder(tmp_path / "world").word() >> 40
    deeds: list[Callable[[], int]] = [city.rename, city.merge, city.move, city.leave, city.move, city.rename]
    for step in range(18):
        number = deeds[step % len(deeds)]()
        if step % 4:  # now and then two revisions at once
            desk = writer.newest()
            assert desk.revision == number
            assert unlike(desk, anew(store, number), step) == []
            assert reader.newest().revision == number
            assert unlike(reader.newest(), desk, step) == []
    assert Folder(tmp_path / "world").word() >> 40 == generation  # no file was written anew


def test_layers_divisions_and_departments_follow_too(store: Store, tmp_path: Path) -> None:
    city = City(store, 2)
    worlds = Worlds(store, tmp_path / "world", poll_s=0)
    before = worlds.newest()
    uids = allocate_uids(store, 5)
    (west, south), (east, north) = (114.05, 22.54), (114.06, 22.55)
    box = shapely.box(west, south, east, north)
    layer = {"uid": uids[0], "owner": "", "code": "police", "title": "police", "overlap": "none"}
    post = {
        "uid": uids[1], "owner": "", "code": "P1", "layer": "police", "name": "one", "department": "D", "priority": 0,
        "geom": box, "attributes": None,
    }  # fmt: skip
    body = {"uid": uids[2], "owner": "", "code": "D", "name": "body", "parent": None, "ids": {}, "attributes": None}
    street = {
        "uid": uids[3], "owner": "s", "code": "s", "level": "street", "name": "S", "department": "D", "geom": box,
        "attributes": None,
    }  # fmt: skip
    lake = {"uid": uids[4], "owner": "", "code": "lake", "name": "lake", "note": None, "geom": box}
    none = np.empty(0, dtype=np.int64)
    made = [(area_layer, layer), (area, post), (department, body), (division, street), (gap, lake)]
    number = city.publish({}, {}, *(Change(table, none, [values]) for table, values in made))
    desk = worlds.newest()
    assert unlike(desk, anew(store, number), 0) == []
    assert (list(desk.grid.areas), desk.grid.gap_names.tolist()) == (["police"], ["lake"])
    assert list(desk.departments) == ["D"]
    assert desk.grid.units is before.grid.units  # what did not change is what it was
    number = city.publish({}, {}, Change(area, np.array([uids[1]]), [{**post, "geom": shapely.box(0, 0, 1, 1)}]))
    after = worlds.newest()
    assert unlike(after, anew(store, number), 0) == []
    assert after.grid.divisions is desk.grid.divisions
    assert after.inventory is desk.inventory


def test_a_unit_beyond_the_cells_has_the_files_written_anew(store: Store, tmp_path: Path) -> None:
    city = City(store, 3)
    worlds = Worlds(store, tmp_path / "world", poll_s=0)
    worlds.newest()
    generation = Folder(tmp_path / "world").word() >> 40
    number = city.come()
    for _ in range(3):
        number = city.publish({}, {uid: row(uid, f"far{uid}", shapely.box(115, 23, 115.001, 23.001))
                                   for uid in allocate_uids(store, 1)})  # fmt: skip
    assert worlds.newest().revision == number
    assert unlike(worlds.newest(), anew(store, number), 0) == []
    assert Folder(tmp_path / "world").word() >> 40 > generation
