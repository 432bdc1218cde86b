"""Every raster of the shared data, and every file of the known bad ones: read right, or refused with a sentence."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from gis.errors import Refusal
from gis.rasters.tiff import check_tiff
from gis.rasters.workshop import make_from

pytestmark = pytest.mark.real

REFUSED = {
    "corrupt.tif": "raster_damaged",
    "float_nan.tif": "raster_rotated",
    "rotated.tif": "raster_rotated",
    "cog_gcps.tif": "raster_unplaced",
    "cog_gcps_ovr.tif": "raster_unplaced",
    "201404_13SED190110_201404_0x1500m_CL_1.tif.ovr": "raster_unplaced",
    "201404_13SED190110_201404_0x1500m_CL_1_extmask.tif": "raster_mask_beside",
    "201404_13SED190110_201404_0x1500m_CL_1_extmask.tif.msk": "raster_unplaced",
    "LICENSE.txt": "raster_not_tiff",
    "LICENSE": "raster_not_tiff",
}


def test_every_raster_is_read_right_or_refused(shared_data: Path, tmp_path: Path) -> None:
    files = sorted(path for path in (shared_data / "raster").rglob("*") if path.is_file())
    told: dict[str, str] = {}
    for file in files:
        target = tmp_path / "made.tif"
        try:
            made = make_from(file, target, most_bytes=10**9)
        except Refusal as refused:
            told[file.name] = refused.code if refused.faults[0].zh.endswith("。") else "no sentence"
            continue
        with rasterio.open(file) as before, rasterio.open(target) as after:
            assert before.crs == after.crs or before.crs.to_epsg() == after.crs.to_epsg()
            assert before.transform.almost_equals(after.transform)
            there, here = before.read(masked=True), after.read(masked=True)
            assert np.array_equal(np.ma.getmaskarray(there), np.ma.getmaskarray(here)), file.name
            shown = ~np.ma.getmaskarray(there)
            assert np.array_equal(there.data[shown], here.data[shown], equal_nan=True), file.name
        bounds = made.description.bounds()
        assert bounds is not None
        target.unlink()
    assert told == REFUSED
    assert len(files) == 37


def test_no_vector_file_passes_for_a_raster(shared_data: Path) -> None:
    files = [path for path in (shared_data / "known_bad").rglob("*") if path.is_file()]
    for file in files:
        with pytest.raises(Refusal) as refused:
            check_tiff(file, 10**9)
        assert refused.value.code == "raster_not_tiff"
    assert len(files) > 80
