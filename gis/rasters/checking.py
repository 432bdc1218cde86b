"""Whether a delivered raster can be used: where it lies, how it lies, what its numbers mean."""

import math
from typing import Any

import numpy as np

from gis import crs as reference
from gis.errors import Fault, Refusal, refuse
from gis.rasters.description import Band, Description, name_of
from gis.rasters.tiff import Page

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
SKEW = 1e-9
"""Shear below this part of a pixel is rounding."""
LONGEST_TEXT = 200
_FLOAT32 = (np.finfo(np.float32).min, np.finfo(np.float32).max)


def describe(
    dataset: Any,
    page: Page,
    name: str,
    crs: str | None = None,
    nodata: str | None = None,
    local: str | None = None,
) -> tuple[Description, list[Fault]]:
    """What a dataset is, and what is odd about it; `crs` and `nodata` ("none" for none) go before what the file says.
    `local` is the name of a local system, which is not looked up here: whoever knows it sees to `check_place`.

    Errors: Refusal raster_unplaced, raster_rotated, raster_misplaced, raster_type, raster_nodata, crs_missing,
    crs_unknown.
    """
    transform = dataset.transform
    if transform.is_identity or not all(map(math.isfinite, tuple(transform)[:6])) or not transform.determinant:
        raise _unplaced(name, bool(dataset.gcps[0]) or dataset.rpcs is not None)
    a, b, left, d, e, top = tuple(transform)[:6]
    if abs(b) > SKEW * abs(a) or abs(d) > SKEW * abs(e) or a <= 0 or e >= 0:
        raise refuse(
            "raster_rotated",
            f"{name} is rotated, sheared or upside down. Bring it north up first: gdalwarp {name} north_up.tif.",
            f"{name} 有旋转、倾斜或上下颠倒。请先转为正北朝上：gdalwarp {name} north_up.tif。",
        )
    frame, faults = (local, ()) if local is not None else _frame(dataset, name, crs)
    bands, odd = _bands(dataset, page, name, nodata)
    flags = {flag.name for flag in dataset.mask_flag_enums[bands[0].number - 1]}
    found = Description(
        width=dataset.width,
        height=dataset.height,
        left=left,
        top=top,
        x_step=a,
        y_step=-e,
        crs=frame,
        bands=bands,
        mask="alpha" if "alpha" in flags else "mask" if flags == {"per_dataset"} else "none",
        has_colours=dataset.colorinterp[0].name == "palette",
        compression=dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION", "none").lower(),
        kept=False,
    )
    if local is None:
        check_place(found, name)
    return found, [*faults, *odd]


def check_place(found: Description, name: str) -> None:
    """Errors: Refusal raster_misplaced, crs_no_transformation."""
    if found.bounds() is None:
        frame = name_of(found.crs)
        raise refuse(
            "raster_misplaced",
            f"{name} lies where {frame} has no places: its coordinates are of another system. Say which: --crs.",
            f"{name} 的坐标不在 {frame} 的范围内，应属其他坐标系。请用 --crs 指定。",
        )


def _frame(dataset: Any, name: str, crs: str | None) -> tuple[str, tuple[Fault, ...]]:
    declared = dataset.crs.to_wkt() if dataset.crs else None
    chosen, faults = reference.choose(declared, crs)
    if chosen is None:
        raise refuse(
            "crs_missing",
            f"{name} does not say in which coordinate reference system it lies. Say it: --crs EPSG:4547.",
            f"{name} 未注明坐标系。请用 --crs 指定，例如 --crs EPSG:4547。",
        )
    return reference.parse(chosen).name, faults


def _bands(dataset: Any, page: Page, name: str, nodata: str | None) -> tuple[tuple[Band, ...], list[Fault]]:
    numbers = [each for each in dataset.indexes if dataset.colorinterp[each - 1].name != "alpha"]
    if not numbers:
        raise refuse(
            "raster_empty",
            f"{name} holds no raster: it has no bands or no pixels.",
            f"{name} 不含栅格：没有波段或没有像素。",
            kind="unreadable",
        )
    wrong = sorted({dataset.dtypes[each - 1] for each in numbers} - set(DTYPES))
    if wrong:
        raise refuse(
            "raster_type",
            f"{name} holds numbers of the type {wrong[0]}; these are read: {', '.join(DTYPES)}.",
            f"{name} 的数据类型为 {wrong[0]}；支持的类型：{'、'.join(DTYPES)}。",
        )
    said = page.nodata if nodata is None else None if nodata.lower() == "none" else nodata
    number = None if said is None else _number(said, name)
    if number is not None and dataset.dtypes[0] == "float32":  # the nearest one that a pixel can have
        with np.errstate(over="ignore"):
            near = np.float32(number)
        number = float(np.clip(near, *_FLOAT32)) if math.isfinite(number) else number
    odd = [_never(said or "", dataset.dtypes[0])] if number is not None and not _fits(number, dataset.dtypes[0]) else []
    bands = [
        Band(
            each,
            (dataset.descriptions[each - 1] or "")[:LONGEST_TEXT],
            dataset.dtypes[each - 1],
            number if number is not None and _fits(number, dataset.dtypes[each - 1]) else None,
            _usable(dataset.scales[each - 1], 1.0),
            _usable(dataset.offsets[each - 1], 0.0),
            (dataset.units[each - 1] or "")[:LONGEST_TEXT],
        )
        for each in numbers
    ]
    return tuple(bands), odd


def _usable(number: float, usual: float) -> float:
    return float(number) if math.isfinite(number) and (number or not usual) else usual


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise refuse(
            "raster_nodata",
            f"{name} says that '{text[:40]}' stands for no data, which is no number. Say which does: --nodata 0, or "
            "--nodata none.",
            f"{name} 声明的无数据值“{text[:40]}”不是数字。请用 --nodata 指定，例如 --nodata 0 或 --nodata none。",
        ) from None


def _fits(number: float, dtype: str) -> bool:
    """Whether a pixel of the type can have the number."""
    if dtype.startswith("float"):
        return True
    limits = np.iinfo(dtype)
    return number.is_integer() and limits.min <= number <= limits.max


def _never(text: str, dtype: str) -> Fault:
    return Fault(
        "raster_nodata_unused",
        f"The number for no data, {text[:40]}, is none that {dtype} has: it hides no pixel. If another number "
        "is meant, say it: --nodata.",
        f"无数据值 {text[:40]} 超出 {dtype} 的取值范围，不会屏蔽任何像素；如另有所指请用 --nodata 指定。",
        severity="warning",
    )


def _unplaced(name: str, has_points: bool) -> Refusal:
    why, why_zh = (
        ("only control points say where it lies", "仅有控制点，没有定位参数")
        if has_points
        else ("it does not say where it lies", "没有定位参数")
    )
    return refuse(
        "raster_unplaced",
        f"{name} cannot be placed: {why}, and files beside it are not read. Write it anew with gdalwarp or "
        "gdal_translate, which put the place into the file.",
        f"{name} 无法定位：{why_zh}，且不读取旁边的附属文件。请用 gdalwarp 或 gdal_translate 重新写出。",
    )
