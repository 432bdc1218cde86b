"""Delivered files become COGs that hold the same, or are kept as they are."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from gis.errors import Refusal
from gis.rasters.description import Description
from tests.gis.rasters.samples import LEFT, PLANE, TOP, made_of, read_all, write

RANDOM = np.random.default_rng(7)


def is_cog(path: Path) -> bool:
    with rasterio.open(path) as dataset:
        return dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG"


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
def test_a_plain_file_becomes_a_cog_of_the_same_numbers(tmp_path: Path, dtype: str) -> None:
    cells = (RANDOM.random((2, 700, 530)) * 200).astype(dtype)
    source = write(tmp_path / "plain.tif", cells, nodata=7)
    made = made_of(source)
    assert is_cog(made.path)
    assert not made.description.kept
    assert made.faults == ()
    assert made.description.crs == PLANE
    assert made.description.extent == (LEFT, TOP - 7000, LEFT + 5300, TOP)
    before, after = read_all(source), read_all(made.path)
    assert np.array_equal(before.data, after.data)
    assert np.array_equal(np.ma.getmaskarray(before), np.ma.getmaskarray(after))
    with rasterio.open(made.path) as dataset:
        assert (dataset.crs.to_epsg(), dataset.overviews(1), dataset.nodata) == (4547, [2], 7)


def test_a_cog_is_kept_byte_for_byte(tmp_path: Path) -> None:
    first = made_of(write(tmp_path / "plain.tif", np.arange(600 * 600, dtype=np.int32).reshape(600, 600)))
    again = made_of(first.path)
    assert again.description.kept
    assert again.path.read_bytes() == first.path.read_bytes()


def test_masks_alpha_colours_scales_and_names_go_with_it(tmp_path: Path) -> None:
    cells = RANDOM.integers(0, 255, (3, 64, 64), dtype=np.uint8)
    shown = np.zeros((64, 64), dtype=bool)
    shown[8:40, 8:40] = True
    masked = made_of(write(tmp_path / "masked.tif", cells, mask=shown))
    assert masked.description.mask == "mask"
    assert np.array_equal(~np.ma.getmaskarray(read_all(masked.path))[0], shown)

    alpha = np.concatenate([cells, (shown * 255).astype(np.uint8)[None]])
    source = write(tmp_path / "alpha.tif", alpha, photometric="RGB", alpha="yes")
    made = made_of(source)
    assert (made.description.mask, [band.number for band in made.description.bands]) == ("alpha", [1, 2, 3])
    with rasterio.open(made.path) as dataset:
        assert dataset.colorinterp[3] == ColorInterp.alpha

    colours = {value: (value, 0, 255 - value, 255) for value in range(256)}
    made = made_of(write(tmp_path / "classes.tif", cells[0], colours=colours))
    assert made.description.has_colours
    with rasterio.open(made.path) as dataset:
        assert dataset.colormap(1)[9] == colours[9]

    source = write(tmp_path / "scaled.tif", cells[0], scales=[0.5], offsets=[-10])
    band = made_of(source).description.bands[0]
    assert (band.scale, band.offset, band.is_whole) == (0.5, -10, False)


def test_what_the_user_says_goes_before_the_file(tmp_path: Path) -> None:
    cells = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    source = write(tmp_path / "silent.tif", cells, crs=None)
    with pytest.raises(Refusal) as refused:
        made_of(source)
    assert refused.value.code == "crs_missing"
    made = made_of(source, crs="EPSG:4547", nodata="3")
    assert made.description.crs == "EPSG:4547"
    assert np.ma.getmaskarray(read_all(made.path)).tolist() == [[[False, False], [True, False]]]
    assert [fault.code for fault in made_of(write(tmp_path / "other.tif", cells), crs="EPSG:4548").faults] == [
        "crs_overridden"
    ]
    assert made_of(write(tmp_path / "zero.tif", cells, nodata=1), nodata="none").description.bands[0].nodata is None


def test_a_number_for_no_data_that_no_pixel_can_have_is_told(tmp_path: Path) -> None:
    source = write(tmp_path / "bytes.tif", np.ones((4, 4), dtype=np.uint8), tags={"note": "x"})
    made = made_of(source, nodata="-9999")
    assert [fault.code for fault in made.faults] == ["raster_nodata_unused"]
    assert made.description.bands[0].nodata is None
    with pytest.raises(Refusal) as refused:
        made_of(source, nodata="nothing")
    assert refused.value.code == "raster_nodata"


def test_the_box_of_a_raster_is_told_in_degrees_also_across_the_antimeridian(tmp_path: Path) -> None:
    there = made_of(write(tmp_path / "there.tif", np.ones((4, 4), dtype=np.uint8))).description.bounds()
    assert there is not None
    assert there[0] <= 114 < there[2] < 114.001
    across = write(
        tmp_path / "across.tif", np.ones((4, 4), np.uint8), crs="EPSG:32660",
        transform=rasterio.Affine(100_000, 0, 500_000, 0, -100_000, 5_800_000),
    )  # fmt: skip
    box = made_of(across).description.bounds()
    assert box is not None
    assert box[0] > 176
    assert box[2] < -176


def test_it_is_stopped_when_told_so_and_leaves_nothing(tmp_path: Path) -> None:
    source = write(tmp_path / "plain.tif", np.ones((2000, 2000), dtype=np.float64))

    def stop(step: str, done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_of(source, told=stop)
    assert [each.name for each in tmp_path.iterdir()] == ["plain.tif"]


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(allow_nan=True, allow_infinity=True) | st.none(), st.integers(1, 5))
def test_a_description_is_what_its_json_says(nodata: float | None, bands: int) -> None:
    from gis.rasters.description import Band

    made = tuple(Band(number + 1, "n", "float64", nodata) for number in range(bands))
    told = Description(3, 4, 0.5, 1.5, 2.0, 3.0, "EPSG:4547", made, "none", False, "none", True)
    assert repr(Description.from_dict(told.as_dict())) == repr(told)
