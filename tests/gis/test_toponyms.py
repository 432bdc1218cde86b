"""Places in words, in towns drawn by hand: metres are laid out around a point on the ellipsoid."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis.metres import per_degree
from gis.toponyms import CROSSING_M, NEAR_M, WINDS, Toponyms, Words, rounded, wind

LON, LAT = 114.05, 22.54
PER_LON, PER_LAT = (float(each) for each in per_degree(LAT))


def at(east: float, north: float) -> tuple[float, float]:
    """The place so many metres east and north of the middle of the town."""
    return LON + east / PER_LON, LAT + north / PER_LAT


def line(*places: tuple[float, float]) -> shapely.LineString:
    return shapely.LineString([at(*place) for place in places])


def town(*features: tuple[str, shapely.Geometry] | tuple[str, shapely.Geometry, str]) -> Toponyms:
    def column(values: list) -> np.ndarray:
        return np.fromiter(values, dtype=object, count=len(values))

    english = [each[2] if len(each) > 2 else None for each in features]
    return Toponyms.build(
        column([each[1] for each in features]), column([each[0] for each in features]), column(english)
    )


def words(index: Toponyms, east: float, north: float) -> Words | None:
    (found,) = index.words(np.array([at(east, north)]))
    return found


ZHONGSHAN = ("中山路", line((-1000, 0), (1000, 0)), "Zhongshan Rd")
JIEFANG = ("解放路", line((0, -1000), (0, 1000)), "Jiefang Rd")


def test_a_point_beside_a_crossing_is_told_by_both_roads_the_side_and_the_distance() -> None:
    found = words(town(ZHONGSHAN, JIEFANG), 80, 0)
    assert found is not None
    assert (found.zh, found.en) == (
        "中山路与解放路口东80米",
        "80 m east of the crossing of Zhongshan Rd and Jiefang Rd",
    )
    assert found.kind == "crossing"
    assert found.distance_m == pytest.approx(80, abs=0.01)


@pytest.mark.parametrize("number", range(8))
def test_each_of_the_eight_winds_is_told(number: int) -> None:
    angle = np.radians(45 * number)
    found = words(town(ZHONGSHAN, JIEFANG), 120 * np.sin(angle), 120 * np.cos(angle))
    assert found is not None
    assert (found.zh, found.en.split(" of ")[0]) == (
        f"中山路与解放路口{WINDS[number][0]}120米",
        f"120 m {WINDS[number][1]}",
    )


@given(st.floats(0, 360, exclude_max=True), st.floats(1, 280))
def test_the_wind_is_the_nearest_of_the_eight(degrees: float, metres: float) -> None:
    if abs((degrees % 45) - 22.5) < 0.01:
        return  # between two of them
    angle = np.radians(degrees)
    end = np.array(at(metres * np.sin(angle), metres * np.cos(angle)))
    assert wind(np.array(at(0, 0)), end) == round(degrees / 45) % 8


@given(st.floats(0, NEAR_M))
def test_distances_are_told_in_fives_below_fifty_and_in_tens_beyond(metres: float) -> None:
    told = rounded(metres)
    assert abs(told - metres) <= (2.5 if metres < 50 else 5)
    assert told % (5 if metres < 50 else 10) == 0


def test_at_a_crossing_no_distance_is_told() -> None:
    found = words(town(ZHONGSHAN, JIEFANG), 1, 1)
    assert found is not None
    assert (found.zh, found.en) == ("中山路与解放路口", "at the crossing of Zhongshan Rd and Jiefang Rd")


def test_away_from_crossings_the_road_tells_on_which_side_one_is() -> None:
    index = town(ZHONGSHAN, JIEFANG)
    beside, on = words(index, 600, -33), words(index, 600, 0.5)
    assert beside is not None
    assert (beside.zh, beside.en, beside.kind) == ("中山路南35米", "35 m south of Zhongshan Rd", "road")
    assert on is not None
    assert (on.zh, on.en) == ("中山路上", "on Zhongshan Rd")


def test_a_crossing_within_its_reach_goes_before_a_nearer_road() -> None:
    index = town(ZHONGSHAN, JIEFANG)
    within, beyond = words(index, CROSSING_M - 1, 0), words(index, CROSSING_M + 1, 0)
    assert within is not None
    assert within.zh == "中山路与解放路口东300米"
    assert beyond is not None
    assert beyond.zh == "中山路上"


def test_far_from_everything_there_are_no_words() -> None:
    index = town(("码头", shapely.Point(at(0, 0))))
    assert words(index, NEAR_M + 1, 0) is None
    assert words(index, NEAR_M - 1, 0) is not None
    assert index.words(np.array([[np.nan, np.nan]])) == [None]


def test_a_road_that_ends_at_another_crosses_it_also_where_it_was_drawn_a_little_short() -> None:
    for gap in (0.0, 1.5, -1.5):
        index = town(ZHONGSHAN, ("支路", line((0, gap), (0, 500))))
        found = words(index, 40, 0)
        assert found is not None, gap
        assert found.zh == "中山路与支路口东40米"
    apart = words(town(ZHONGSHAN, ("支路", line((0, 10), (0, 500)))), 40, 0)
    assert apart is not None
    assert apart.zh == "中山路上"


def test_the_carriageways_of_two_roads_meet_at_one_crossing() -> None:
    ways = [("中山路", line((-500, y), (500, y))) for y in (-8, 8)]
    ways += [("解放路", line((x, -500), (x, 500))) for x in (-8, 8)]
    index = town(*ways)
    assert len(index.corners) == 1
    found = words(index, 0, 80)
    assert found is not None
    assert found.zh == "中山路与解放路口北80米"


def test_two_crossings_of_the_same_roads_stay_two() -> None:
    index = town(ZHONGSHAN, ("环路", line((-400, -100), (-400, 100), (400, 100), (400, -100))))
    assert len(index.corners) == 2
    found = words(index, 450, 0)
    assert found is not None
    assert found.zh == "中山路与环路口东50米"


def test_parts_of_one_road_make_no_crossing_with_each_other() -> None:
    index = town(("中山路", line((-500, 0), (0, 0))), ("中山路", line((0, 0), (500, 0))))
    assert len(index.corners) == 0


def test_roads_that_share_a_stretch_cross_where_they_part() -> None:
    index = town(("甲路", line((0, 0), (300, 0))), ("乙路", line((-300, 100), (0, 0), (200, 0), (200, 300))))
    assert len(index.corners) == 2
    assert sorted(round((lon - LON) * PER_LON) for lon, _ in index.corners) == [0, 200]


def test_places_and_grounds_are_told_where_no_road_crosses() -> None:
    park = shapely.Polygon([at(0, 0), at(200, 0), at(200, 200), at(0, 200)])
    index = town(("人民公园", park, "People's Park"), ("市民中心", shapely.Point(at(500, 0))))
    said = [words(index, *place) for place in ((100, 100), (100, -30), (500, 1), (500, -60))]
    assert [each and each.zh for each in said] == ["人民公园内", "人民公园南30米", "市民中心", "市民中心南60米"]
    assert [each and each.en for each in said[:2]] == ["in People's Park", "30 m south of People's Park"]


def test_what_has_no_name_or_no_shape_is_passed_over() -> None:
    index = town(("", line((0, 0), (1, 1))), ("空", shapely.LineString()), ZHONGSHAN, JIEFANG)
    assert len(index) == 2
    assert len(town()) == 0
    assert town().words(np.array([at(0, 0)])) == [None]


@given(st.floats(-250, 250), st.floats(-250, 250))
def test_whoever_walks_back_as_told_comes_to_the_crossing(east: float, north: float) -> None:
    """The oracle: the nearest crossing by plain arithmetic on the plane in which the town was drawn."""
    index = town(ZHONGSHAN, JIEFANG, ("东环", line((150, -1000), (150, 1000))))
    found = words(index, east, north)
    away = {"中山路与解放路口": np.hypot(east, north), "东环与中山路口": np.hypot(east - 150, north)}
    name, metres = min(away.items(), key=lambda each: each[1])
    if abs(away["中山路与解放路口"] - away["东环与中山路口"]) < 0.1 or metres > CROSSING_M - 0.1:
        return
    assert found is not None
    assert found.zh.startswith(name)
    assert found.distance_m == pytest.approx(metres, abs=0.02)
