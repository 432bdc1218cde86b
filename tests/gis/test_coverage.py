from collections import Counter

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.coverage import check, dissolve, snap
from gis.metres import per_degree
from tests.coverages import lattice

X, Y = 114.05, 22.54
STEP = 1e-3  # about 103 m and 111 m
PER_LON, PER_LAT = per_degree(Y)


def square(column: float, row: float, width: float = 1, height: float = 1) -> shapely.Polygon:
    west, south = X + column * STEP, Y + row * STEP
    return shapely.Polygon(
        np.round(
            [
                (west, south),
                (west + width * STEP, south),
                (west + width * STEP, south + height * STEP),
                (west, south + height * STEP),
            ],
            9,
        )
    )


def array(*polygons: object) -> np.ndarray:
    found = np.empty(len(polygons), dtype=object)
    found[:] = polygons
    return found


def letters(count: int) -> np.ndarray:
    return np.array([chr(97 + k) for k in range(count)])


def kinds(faults) -> dict[str, int]:
    return dict(Counter(fault.code for fault in faults))


def ring_of_eight() -> np.ndarray:
    return array(*(square(i, j) for j in range(3) for i in range(3) if (i, j) != (1, 1)))


def moved(polygon, east_m: float = 0.0, north_m: float = 0.0):
    return shapely.transform(polygon, lambda xy: np.round(xy + np.array([east_m / PER_LON, north_m / PER_LAT]), 9))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 10_000))
def test_a_seamless_coverage_has_no_fault(nx, ny, seed):
    assert check(*lattice(nx, ny, seed)) == []


def test_no_polygons_have_no_fault():
    assert check(array(), letters(0)) == []


def test_an_overlap_names_both_codes_their_rows_the_area_and_the_place():
    faults = check(array(square(0.9, 0), square(0, 0)), np.array(["b", "a"]), rows=np.array([7, 3]))
    assert kinds(faults) == {"overlap": 1}
    fault = faults[0]
    area = 0.1 * STEP * PER_LON * STEP * PER_LAT
    assert fault.en == f"a (row 3) and b (row 7) overlap by {area:.2f} m²; give them one common edge."
    assert "a（第 3 行）" in fault.zh
    assert "b（第 7 行）" in fault.zh
    assert (fault.row, fault.thing, fault.severity) == (3, "a", "error")
    assert shapely.geometry.shape(fault.where).equals_exact(
        shapely.MultiPolygon([square(0.9, 0, 0.1)]), 1e-9, normalize=True
    )


def test_an_overlap_of_a_tenth_of_a_millimetre_is_an_overlap():
    faults = check(array(square(0, 0), moved(square(1, 0), -1e-4)), letters(2))
    assert kinds(faults) == {"overlap": 1}
    assert faults[0].where is not None


@pytest.mark.parametrize("inner", [square(0.2, 0.2, 0.5, 0.5), square(0, 0), square(0, 0, 0.5)])
def test_a_polygon_within_another_overlaps_it(inner):
    assert kinds(check(array(square(0, 0), inner), letters(2))) == {"overlap": 1}


def test_the_hole_in_the_middle_is_a_gap_that_names_those_around():
    faults = check(ring_of_eight(), letters(8))
    assert kinds(faults) == {"gap": 1}
    assert "a, b, c, d, e, f and 2 more" in faults[0].en
    assert "等 8 个面" in faults[0].zh
    assert f"{STEP * PER_LON * STEP * PER_LAT:.1f}"[:-3] in faults[0].en
    assert shapely.geometry.shape(faults[0].where).equals(square(1, 1))


def test_ground_enclosed_by_polygons_that_only_touch_at_corners_is_a_gap():
    diamond = array(square(1, 0), square(0, 1), square(2, 1), square(1, 2))
    faults = check(diamond, letters(4))
    assert kinds(faults) == {"gap": 1}
    assert shapely.geometry.shape(faults[0].where).equals(square(1, 1))


def test_a_lake_in_a_single_polygon_is_a_gap():
    lake = square(0.4, 0.4, 0.2, 0.2)
    assert kinds(check(array(shapely.difference(square(0, 0), lake)), letters(1))) == {"gap": 1}


def test_separate_islands_and_bays_are_no_fault():
    polygons = ring_of_eight()[[0, 1, 2, 3, 5, 6]]  # a bay opens to the north
    assert check(array(*polygons, square(9, 9)), letters(7)) == []


def test_an_edge_with_a_node_on_one_side_alone_is_unmatched():
    upper = array(square(0, 1, 0.5), square(0.5, 1, 0.5))
    faults = check(array(square(0, 0), *upper), np.array(["k", "m", "l"]), rows=np.array([1, 2, 3]))
    assert kinds(faults) == {"unmatched_edge": 2}
    assert [fault.thing for fault in faults] == ["k", "k"]
    assert {code for fault in faults for code in "lm" if f"{code} (row" in fault.en} == {"l", "m"}
    assert all(fault.where["type"] == "MultiLineString" for fault in faults)


def test_a_closed_sliver_is_a_gap_however_thin():
    bent = shapely.Polygon(
        np.round(
            [
                (X + STEP, Y),
                (X + 2 * STEP, Y),
                (X + 2 * STEP, Y + STEP),
                (X + STEP, Y + STEP),
                (X + STEP + 5e-9, Y + STEP / 2),
            ],
            9,
        )
    )
    assert kinds(check(array(square(0, 0), bent), letters(2))) == {"gap": 1}


def test_a_slot_open_to_the_outside_is_a_gap_when_it_is_narrower_than_the_snap_width():
    polygons = array(square(0, 0), moved(square(1, 0), 0.005))
    faults = check(polygons, letters(2))
    assert kinds(faults) == {"gap": 1}
    assert "narrower than 0.01 m" in faults[0].en
    assert check(polygons, letters(2), snap_m=0.002) == []


def test_an_invalid_polygon_is_told_and_the_others_are_still_compared():
    bow = shapely.Polygon([(X, Y), (X + STEP, Y + STEP), (X + STEP, Y), (X, Y + STEP)])
    polygons = array(None, square(0, 5), bow, shapely.Point(X, Y), square(0.5, 5), shapely.Polygon())
    faults = check(polygons, letters(6), rows=np.arange(1, 7))
    assert kinds(faults) == {"invalid_geometry": 4, "overlap": 1}
    assert [fault.row for fault in faults if fault.code == "invalid_geometry"] == [1, 3, 4, 6]
    assert "Self-intersection" in faults[1].en


def test_a_hole_covered_by_a_named_gap_is_accepted():
    assert check(ring_of_eight(), letters(8), gaps=(array(square(1, 1)), np.array(["lake"]))) == []


def test_a_named_gap_need_not_have_the_nodes_of_the_polygons():
    for shift in (0.004, -0.004):
        lake = moved(square(1, 1), shift, shift)
        assert check(ring_of_eight(), letters(8), gaps=(array(lake), np.array(["lake"]))) == []


def test_what_a_named_gap_leaves_uncovered_is_a_gap():
    half = (array(square(1, 1, 0.5)), np.array(["lake"]))
    faults = check(ring_of_eight(), letters(8), gaps=half)
    assert kinds(faults) == {"gap": 1}
    assert shapely.geometry.shape(faults[0].where).equals(square(1.5, 1, 0.5))


def test_a_named_gap_over_a_polygon_is_an_error():
    faults = check(ring_of_eight(), letters(8), gaps=(array(square(1, 1, 1.25)), np.array(["lake"])))
    assert kinds(faults) == {"gap_overlaps_unit": 1}
    assert faults[0].thing == "e"
    assert "lake" in faults[0].en
    assert "lake" in faults[0].zh


def test_a_river_from_edge_to_edge_may_be_a_named_gap_and_closes_what_lies_beside_it():
    banks = array(square(0, 0), square(1, 0), square(0, 2), square(1, 2))
    assert check(banks, letters(4), gaps=(array(square(0, 1, 2)), np.array(["river"]))) == []
    bay = array(square(0, 0), square(1, 0), square(2, 0), square(0, 1), square(2, 1))
    faults = check(bay, letters(5), gaps=(array(square(0, 2, 3)), np.array(["river"])))
    assert kinds(faults) == {"gap": 1}


def test_a_named_gap_apart_from_everything_is_a_warning():
    faults = check(ring_of_eight(), letters(8), gaps=(array(square(1, 1), square(9, 9)), np.array(["lake", "far"])))
    assert [(fault.code, fault.severity, fault.thing) for fault in faults] == [("gap_without_hole", "warning", "far")]


def test_a_small_named_gap_in_a_big_hole_is_not_apart():
    faults = check(ring_of_eight(), letters(8), gaps=(array(square(1.4, 1.4, 0.2, 0.2)), np.array(["lake"])))
    assert kinds(faults) == {"gap": 1}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(-3, 3), st.integers(0, 15))
def test_a_polygon_out_of_place_is_always_told(seed, east_m, north_m, which):
    polygons, codes = lattice(4, 4, seed)
    shifted = moved(polygons[which], east_m, north_m)
    changed = not shifted.equals_exact(polygons[which], 0)
    polygons[which] = shifted
    faults = check(polygons, codes)
    inner = which in (5, 6, 9, 10)
    assert bool(faults) == changed if inner else bool(faults) <= changed  # at the rim a shift may but open a bay
    first, second = np.triu_indices(16, 1)
    overlapping = shapely.relate_pattern(polygons[first], polygons[second], "T********").sum()
    assert kinds(faults).get("overlap", 0) == overlapping
    assert all(fault.where and fault.zh and fault.thing for fault in faults)


def test_snapping_leaves_a_seamless_coverage_as_it_is():
    polygons, _ = lattice(6, 6, 1)
    snapped, moves = snap(polygons, 0.5)
    assert moves == []
    assert all(a is b for a, b in zip(snapped, polygons, strict=True))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 24))
def test_snapping_closes_what_is_narrower_than_the_tolerance_and_tells_every_move(seed, which):
    polygons, codes = lattice(5, 5, seed)
    random = np.random.default_rng(seed)
    shaken = polygons.copy()
    shaken[which] = moved(polygons[which], *random.uniform(-0.005, 0.005, 2))
    snapped, moves = snap(shaken, 0.01)
    assert check(snapped, codes) == []
    touched = {k for k in range(25) if snapped[k] is not shaken[k]}
    assert touched == {move.polygon for move in moves}
    assert touched <= {k for k in range(25) if shapely.intersects(polygons[k], polygons[which])}
    assert all(0 < move.metres <= 0.01 for move in moves)
    for move in moves:
        assert move.target in {tuple(node) for node in shapely.get_coordinates(snapped[move.polygon]).tolist()}


def test_snapping_puts_a_missing_node_into_an_edge():
    polygons = array(square(0, 0), square(0, 1, 0.5), moved(square(0.5, 1, 0.5), 0, 0.004))
    snapped, moves = snap(polygons, 0.01)
    assert check(snapped, letters(3)) == []
    assert [move.polygon for move in moves if move.inserted] == [0]


def test_snapping_leaves_a_real_overlap_and_a_real_gap_for_the_check():
    for east_m in (-0.5, 0.5):
        apart = array(square(0, 0), moved(square(1, 0), east_m, 0.3))
        snapped, moves = snap(apart, 0.01)
        assert moves == []
        assert all(a is b for a, b in zip(snapped, apart, strict=True))
        assert kinds(check(snapped, letters(2), snap_m=1)) == {"overlap" if east_m < 0 else "gap": 1}


def test_snapping_does_not_move_nodes_that_a_matched_polygon_uses():
    polygons, _ = lattice(5, 5, 3)
    shaken = polygons.copy()
    shaken[12] = moved(polygons[12], 0.004)
    snapped, moves = snap(shaken, 0.01)
    matched = snapped[[k for k in range(25) if snapped[k] is shaken[k]]]
    nodes = {tuple(node) for node in shapely.get_coordinates(matched).tolist()}
    assert moves
    assert not any(move.source in nodes for move in moves if not move.inserted)


def test_snapping_leaves_missing_and_invalid_polygons_alone():
    bow = shapely.Polygon([(X, Y), (X + STEP, Y + STEP), (X + STEP, Y), (X, Y + STEP)])
    snapped, moves = snap(array(None, bow, square(0, 0), moved(square(1, 0), 0.004)), 0.01)
    assert snapped[0] is None
    assert snapped[1] is bow
    assert {move.polygon for move in moves} <= {2, 3}
    assert check(snapped[2:], letters(2)) == []


def test_snapping_by_nothing_does_nothing_and_by_less_is_refused():
    polygons = array(square(0, 0), moved(square(1, 0), 0.004))
    assert snap(polygons, 0)[1] == []
    with pytest.raises(ValueError, match="tolerance"):
        snap(polygons, -0.01)


def test_dissolving_unites_by_key_in_byte_order_and_keeps_a_coverage():
    polygons, _ = lattice(6, 6, 2)
    keys = np.array([["南", "b", "a", "B"][k % 4 // 2 + 2 * (k // 18)] for k in range(36)])
    found, outlines = dissolve(polygons, keys)
    assert found.tolist() == sorted(set(keys.tolist()), key=str.encode)
    for key, outline in zip(found, outlines, strict=True):
        assert outline.equals(shapely.union_all(polygons[keys == key]))
    assert shapely.coverage_is_valid(outlines)
    nodes = {tuple(node) for node in shapely.get_coordinates(polygons).tolist()}
    assert {tuple(node) for node in shapely.get_coordinates(outlines).tolist()} <= nodes


def test_dissolving_what_overlaps_still_gives_the_union():
    polygons = array(square(0, 0), square(0.5, 0), square(0, 1, 0.5))
    found, outlines = dissolve(polygons, np.array(["a", "a", "a"]))
    assert found.tolist() == ["a"]
    assert outlines[0].equals(shapely.union_all(polygons))


def test_dissolving_nothing_gives_nothing():
    found, outlines = dissolve(array(), np.empty(0, dtype=str))
    assert (len(found), len(outlines)) == (0, 0)


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("fr_communes/ile_de_france_1300.geojson", "code"),
        ("dc_311/boundaries/census-block-groups-2010.geojson", "GEOID"),
    ],
)
def test_real_coverages_have_no_fault(shared_data, path, code):
    import geopandas

    table = geopandas.read_file(shared_data / path)
    assert check(np.asarray(table.geometry.values), table[code].to_numpy(dtype=str)) == []


@pytest.mark.real
def test_every_fault_of_the_shenzhen_zones_has_a_place_and_a_row(shared_data):
    import geopandas

    path = shared_data / "cn_shenzhen_zones/st_evcdp/SZ_districts/SZ_districts.shp"
    table = geopandas.read_file(path).to_crs(4490)
    polygons = np.asarray(table.geometry.values)
    faults = check(polygons, table["TAZID"].to_numpy(dtype=str), rows=np.arange(1, 492))
    told = kinds(faults)
    assert 660 <= told["gap"] <= 680  # 671 holes of the union in the file's own plane
    first, second = shapely.STRtree(polygons).query(polygons)
    pairs = first < second
    overlapping = shapely.relate_pattern(polygons[first[pairs]], polygons[second[pairs]], "T********").sum()
    assert told["overlap"] == overlapping
    assert all(fault.where and fault.row and fault.thing for fault in faults)
    assert all(shapely.geometry.shape(fault.where).is_empty is False for fault in faults)
