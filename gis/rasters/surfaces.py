"""Density surfaces as files."""

from pathlib import Path

from gis.errors import refuse
from gis.rasters.density import Surface
from gis.rasters.making import PLAIN, copy_to_cog, to_rasterio
from gis.rasters.reading import troubles


def write_surface(surface: Surface, target: Path) -> Path:
    """A density surface as a COG; the band says what its numbers are."""
    import rasterio
    from rasterio.transform import Affine

    plain = target.with_name(f"{target.stem}-plain.tif")
    rows, columns = surface.cells.shape
    options = {**PLAIN, "dtype": "float32", "width": columns, "height": rows, "crs": to_rasterio(surface.crs)}
    place = Affine(surface.cell_m, 0, surface.left, 0, -surface.cell_m, surface.top)
    try:
        with rasterio.open(plain.absolute(), "w", count=1, transform=place, **options) as dataset:
            dataset.write(surface.cells, 1)
            dataset.set_band_unit(1, "per cell" if surface.bandwidth_m is None else "per km2")
            if surface.bandwidth_m is not None:
                dataset.set_band_description(1, f"quartic kernel, bandwidth {surface.bandwidth_m:g} m")
        copy_to_cog(plain, target, average=True)
    except troubles() as error:
        raise refuse(
            "file_unwritable",
            f"{target.name} cannot be written: {error}.",
            f"无法写入 {target.name}：{error}。",
            kind="unavailable",
        ) from error
    finally:
        plain.unlink(missing_ok=True)
    return target
