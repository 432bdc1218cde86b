"""Taipei's street and park trees: a survey of 91,368 rows against an inventory of 163,379, as a draft."""

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest
from sqlalchemy import func, select

from api.editing.drafting import DOORS
from api.migrations import migrate
from api.transfer.comparisons import Comparison, extent_of, run_comparison
from api.transfer.imports import Options, run_import
from gis.formats import read
from gis.store.engine import Store, open_store, reading
from gis.store.revisions import head
from gis.tables import Table
from grids.drafts.tables import draft_delivery, draft_edit
from grids.drafts.workbench import Workbench

pytestmark = [pytest.mark.real, pytest.mark.campaign]

CLASS = "edition,kind,code,name_zh\n2026,component,05901,行道樹\n"
TREES = Options(
    mapping={"code": "TreeID", "lon": "TWD97X", "lat": "TWD97Y"}, crs="EPSG:3826", class_code="05901", author="anna"
)
STREET, PARK = 91_368, 72_011
LONGEST_S = 120.0
MOST_MB = 2_500


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'wangge.db'}")
    migrate(store)
    yield store
    store.close()


def unpack(source: Path, target: Path) -> Path:
    target.write_bytes(gzip.decompress(source.read_bytes()))
    return target


def rows_of(path: Path) -> dict[str, tuple[object, ...]]:
    """What an independent reading of a snapshot says, by the tree's number, but for the date of the last update."""
    table: Table = read(path)
    names = [name for name in table.columns if name not in ("TreeID", "UpdDate")]
    values = zip(*(table.columns[name].tolist() for name in names), strict=True)
    return dict(zip(table.columns["TreeID"].tolist(), values, strict=True))


def test_a_second_snapshot_becomes_a_draft_in_bounded_time_and_memory(
    store: Store, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "tw_taipei_trees"
    first = unpack(folder / "street_trees" / "2026-08-02.csv.gz", tmp_path / "first.csv")
    second = unpack(folder / "street_trees" / "2026-08-04.csv.gz", tmp_path / "second.csv")
    park = unpack(folder / "park_trees" / "2026-08-02.csv.gz", tmp_path / "park.csv")
    (tmp_path / "classes.csv").write_text(CLASS, encoding="utf-8")
    published = Options(**{name: getattr(TREES, name) for name in Options.__slots__} | {"commit": True})
    run_import(store, "catalogue", tmp_path / "classes.csv", Options(commit=True))
    for path, rows in ((first, STREET), (park, PARK)):
        report = run_import(store, "components", path, published)
        assert (report.delivery.counts.new, report.revision is not None) == (rows, True)

    # The park trees are not in the file: with everything as the scope they would be gone, and that is refused.
    again = run_comparison(store, "components", first, TREES, Comparison(3, extent_of("*")))
    assert {name.value: count for name, count in again.merged.counts.items()} == {"same": STREET, "gone": PARK}
    (refused,) = again.faults
    assert (refused.code, refused.as_dict()["needed"]) == ("mass_change", PARK)
    del again

    begun = perf_counter()
    wanted = Comparison(2, draft=True)
    found = run_comparison(store, "components", second, TREES, wanted)
    took = perf_counter() - begun
    # The same trees in both, and every one with another date of its last update.
    assert rows_of(first) == rows_of(second)
    assert found.draft is not None
    assert {name.value: count for name, count in found.merged.counts.items()} == {"changed": STREET}
    with reading(store.world) as connection:
        size = connection.execute(select(func.sum(func.length(draft_delivery.c.content)))).scalar_one()
        (document,) = connection.execute(select(draft_edit.c.document)).scalars()
        assert head(connection) == 3
    begun = perf_counter()
    sketch = Workbench(store, DOORS).look(found.draft.id).sketch
    looked = perf_counter() - begun
    assert len(sketch.edit.begun) == STREET
    assert len(str(document)) < 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"compared into a draft in {took:.1f} s, {size / 1e6:.1f} MB kept, worked out in {looked:.1f} s, {peak:.0f} MB"
    )
    assert took < LONGEST_S
    assert looked < LONGEST_S / 2
    assert size < 10e6
    assert peak < MOST_MB
