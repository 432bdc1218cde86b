"""Coordinates as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.lookups.points import PUBLIC
from api.search.coordinates import read_coordinates
from gis.errors import Refusal


def read(text: str, crs: str | None = None) -> tuple[float, float, bool] | None:
    found = read_coordinates(text, crs, PUBLIC)
    return None if found is None else (round(found.lon, 6), round(found.lat, 6), found.is_turned)


@pytest.mark.parametrize(
    "text",
    [
        "114.05,22.54",
        " 114.05 , 22.54 ",
        "114.05，22.54",
        "114.05 22.54",
        "114.05;22.54",
        "+114.05,+22.54",
        "22.54N 114.05E",
        "22.54N,114.05E",
        "114.05°E 22.54°N",
        "E114.05 N22.54",
        "n22.54 e114.05",
        "东经114.05 北纬22.54",
        "北纬22.54°，东经114.05°",
        "22°32'24\"N 114°3'0\"E",
        "22°32′24″N, 114°03′E",
        "北纬22度32分24秒 东经114度3分",
    ],
)
def test_a_place_is_read_in_whatever_way_it_is_written(text: str) -> None:
    assert read(text) == (114.05, 22.54, False)


def test_south_and_west_are_negative() -> None:
    assert read("33.9S 18.4E") == (18.4, -33.9, False)
    assert read("南纬33.9 西经18.4") == (-18.4, -33.9, False)


def test_latitude_first_is_recognised_and_told() -> None:
    assert read("22.54,114.05") == (114.05, 22.54, True)
    assert read("43.8,87.6") == (87.6, 43.8, True)


def test_gcj_is_never_guessed_and_taken_when_it_is_said() -> None:
    plain, shifted = read("114.05,22.54"), read("114.05,22.54", "GCJ-02")
    assert plain == (114.05, 22.54, False)
    assert shifted is not None
    assert 0.001 < abs(shifted[0] - 114.05) < 0.01


def test_a_plane_is_read_in_the_order_that_fits() -> None:
    found, turned = read("502000,2500000", "EPSG:4547"), read("2500000,502000", "EPSG:4547")
    assert found is not None
    assert turned is not None
    assert found[:2] == turned[:2]
    assert (found[2], turned[2]) == (False, True)


@pytest.mark.parametrize(
    "text",
    [
        *("", "114.05", "114.05,", "中山路", "114.05,22.54,3", "1e5,3", "nan,nan", "200,200", "22.54N 22.54N"),
        *("114.05E 114.05E", "91N 114E", "22°61'N 114°E", "N22.54N 114.05E", "1" * 500, "9" * 60 + ",1", "1.5m 3"),
    ],
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert read(text) is None


def test_a_system_that_is_none_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        read("114.05,22.54", "EPSG:99999999")
    assert refused.value.code == "crs_unknown"


@given(st.text(max_size=40))
def test_any_text_is_a_place_or_none(text: str) -> None:
    found = read(text)
    assert found is None or (-180 <= found[0] <= 180 and -90 <= found[1] <= 90)


@given(st.floats(73, 135), st.floats(18, 53))
def test_every_place_of_china_is_read_as_it_is_written(lon: float, lat: float) -> None:
    if lon < 90 and lat > 26:
        return  # where the order of a bare pair cannot be told
    found = read(f"{lon:.6f},{lat:.6f}")
    assert found is not None
    assert found[:2] == pytest.approx((lon, lat), abs=1e-6)
