"""The directory of a TIFF, read without GDAL: whether what the file declares can be true, before anything is decoded.

After TIFF 6.0 and the BigTIFF proposal. Only what a check needs is read: sizes, blocks, and two texts of GDAL.
"""

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gis.errors import Refusal, refuse

# Type of a TIFF value: size in bytes, numpy's letter.
_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 11: "f4", 12: "f8", 13: "u4"}
_TYPES |= {16: "u8", 17: "i8", 18: "u8"}
WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, ROWS_PER_STRIP, PLANAR = 256, 257, 258, 259, 277, 278, 284
STRIP_OFFSETS, STRIP_BYTES, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = 273, 279, 322, 323, 324, 325
SAMPLE_FORMAT, GDAL_METADATA, GDAL_NODATA = 339, 42112, 42113
_READ = frozenset({254, WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, ROWS_PER_STRIP, PLANAR, STRIP_OFFSETS, STRIP_BYTES})
_READ |= {TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT, GDAL_METADATA, GDAL_NODATA}
MOST_PAGES = 256
MOST_BANDS = 512
MOST_TAG_BYTES = 2**26
MOST_SIDE = 2**31 - 1
MOST_BLOCK_BYTES = 2**27
"""A block is decoded as a whole."""
MOST_RATIO, FREE_BYTES = 2_000, 2**30
"""Deflate packs 1,032 to 1 at most; a file beyond a gigabyte that declares more than this to a byte is no picture."""
_OUTSIDE = re.compile(rb"OVERVIEW_FILE|domain\s*=\s*[\"']OVERVIEWS", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """One image of a TIFF, the first of which is the raster: the others are overviews and masks.

    `nodata` is GDAL's text as it stands there. `is_tiled` is whether its blocks are tiles.
    """

    width: int
    height: int
    bands: int
    bits: int
    block: tuple[int, int]
    is_tiled: bool
    compression: int
    nodata: str | None
    is_plain: bool = True
    """Whether its texts spell nothing in a roundabout way, so that they say what they seem to."""

    @property
    def decoded_bytes(self) -> int:
        """What its pixels take when they are decoded."""
        return -(-self.width * self.height * self.bands * self.bits // 8)


def check_tiff(path: Path, most_bytes: int) -> Page:
    """The raster that a file declares, at most `most_bytes` when it is decoded.

    Errors: Refusal raster_not_tiff, raster_damaged, raster_too_large, raster_bomb, raster_blocks, raster_empty,
    raster_refers_outside, file_missing, file_unreadable.
    """
    if not path.is_file():
        raise refuse("file_missing", f"There is no file {path}.", f"文件不存在：{path}。", kind="unreadable")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            return _check(file, size, path.name, most_bytes)
    except OSError as error:
        raise refuse(
            "file_unreadable",
            f"{path.name} cannot be read: {error.strerror or error}.",
            f"无法读取 {path.name}：{error.strerror or error}。",
            kind="unreadable",
        ) from error


def _check(file: BinaryIO, size: int, name: str, most_bytes: int) -> Page:
    order, big = _begin(file.read(16), name)
    file.seek(0)
    reader = _Reader(file, size, name, order, big)
    at, seen, first = reader.first(), set[int](), None
    while at:
        if at in seen or len(seen) >= MOST_PAGES:
            raise damaged(name, "its images lead in a circle, or there are hundreds", "图像目录成环或数量过多")
        seen.add(at)
        tags, at = reader.directory(at)
        page = _page(tags, name)
        _check_page(page, name, most_bytes, size)
        _check_blocks(tags, page, size, name)
        first = first or page
    if first is None:
        raise _empty(name)
    return first


def _begin(head: bytes, name: str) -> tuple[str, bool]:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) >= 8 else 0
    if order is None or version not in (42, 43):
        shown = "zip" if head[:2] == b"PK" else ""
        hint, hint_zh = ("; unpack the archive first", "；请先解压") if shown else ("", "")
        raise refuse(
            "raster_not_tiff",
            f"{name} is no GeoTIFF; other formats are not opened{hint}. Convert it with gdal_translate first.",
            f"{name} 不是 GeoTIFF，其他格式一律不打开{hint_zh}。请先用 gdal_translate 转换。",
            kind="unreadable",
        )
    return order, version == 43


class _Reader:
    """Reads directories, never beyond the end of the file."""

    def __init__(self, file: BinaryIO, size: int, name: str, order: str, big: bool) -> None:
        self.file, self.size, self.name, self.order, self.big = file, size, name, order, big

    def take(self, at: int, count: int) -> bytes:
        if at + count > self.size:
            raise cut_off(self.name)
        self.file.seek(at)
        return self.file.read(count)

    def number(self, at: int, letter: str) -> int:
        return int(np.frombuffer(self.take(at, np.dtype(letter).itemsize), self.order + letter)[0])

    def first(self) -> int:
        return self.number(8, "u8") if self.big else self.number(4, "u4")

    def directory(self, at: int) -> tuple[dict[int, NDArray[np.generic]], int]:
        """The tags that are of use, and where the next directory is, 0 at the end."""
        wide = "u8" if self.big else "u4"
        head, entry, inline = (8, 20, 8) if self.big else (2, 12, 4)
        count = self.number(at, f"u{head}")
        if count > 4096:
            raise damaged(self.name, "its directory has thousands of entries", "目录项数量异常")
        tags: dict[int, NDArray[np.generic]] = {}
        for index in range(count):
            place = at + head + entry * index
            tag, kind = self.number(place, "u2"), self.number(place + 2, "u2")
            if tag not in _READ or kind not in _TYPES:
                continue
            letter = self.order + _TYPES[kind]
            values = self.number(place + 4, wide)
            span = values * np.dtype(letter).itemsize
            if span > MOST_TAG_BYTES:
                raise damaged(self.name, "an entry of its directory is as long as no raster needs", "目录项长度异常")
            value_at = place + 4 + inline
            start = value_at if span <= inline else self.number(value_at, wide)
            tags[tag] = np.frombuffer(self.take(start, span), letter)
        return tags, self.number(at + head + entry * count, wide)


def _page(tags: dict[int, NDArray[np.generic]], name: str) -> Page:
    def one(tag: int, usual: int) -> int:
        found = tags.get(tag)
        return usual if found is None or not len(found) else int(found[0])

    metadata = tags.get(GDAL_METADATA)
    if metadata is not None and _OUTSIDE.search(metadata.tobytes()):
        raise refuse(
            "raster_refers_outside",
            f"{name} refers to another file for its overviews; such a file is not opened. Write it anew with "
            "gdal_translate.",
            f"{name} 的金字塔引用了其他文件，不予打开。请用 gdal_translate 重新写出。",
        )
    width, height, is_tiled = one(WIDTH, 0), one(HEIGHT, 0), TILE_WIDTH in tags
    rows = min(one(ROWS_PER_STRIP, height), height)
    block = (one(TILE_HEIGHT, 0), one(TILE_WIDTH, 0)) if is_tiled else (rows, width)
    nodata = tags.get(GDAL_NODATA)
    text = None if nodata is None else nodata.tobytes().split(b"\0")[0].decode("latin-1").strip()
    bands, bits = one(SAMPLES, 1), one(BITS, 1)
    is_plain = metadata is None or b"&#" not in metadata.tobytes()
    return Page(width, height, bands, bits, block, is_tiled, one(COMPRESSION, 1), text, is_plain)


def _check_page(page: Page, name: str, most_bytes: int, size: int) -> None:
    if page.bands == 0 or page.width == 0 or page.height == 0:
        raise _empty(name)
    if not (0 < page.bits <= 128 and page.bands <= MOST_BANDS and max(page.width, page.height) <= MOST_SIDE):
        raise damaged(name, "it declares what no raster has", "声明的尺寸或波段数不合理")
    decoded = page.decoded_bytes
    shown = f"{page.width:,} x {page.height:,} x {page.bands}"
    if decoded > most_bytes:
        raise refuse(
            "raster_too_large",
            f"{name} declares {shown} pixels, {decoded / 1e9:.1f} GB when decoded; at most {most_bytes / 1e9:g} GB are "
            "taken (WANGGE_MAX_RASTER_GB).",
            f"{name} 声明 {shown} 像素，解码后 {decoded / 1e9:.1f} GB，超过上限 {most_bytes / 1e9:g} GB"
            "（WANGGE_MAX_RASTER_GB）。",
        )
    if decoded > FREE_BYTES and decoded > MOST_RATIO * size:
        raise refuse(
            "raster_bomb",
            f"{name} has {size / 1e6:.1f} MB and declares {shown} pixels, {decoded / 1e9:.1f} GB: most of it is not "
            "there. It is not opened.",
            f"{name} 仅 {size / 1e6:.1f} MB，却声明 {shown} 像素（{decoded / 1e9:.1f} GB），数据并不存在，不予打开。",
        )
    rows, columns = page.block
    needed = rows * columns * page.bands * page.bits // 8
    if rows == 0 or columns == 0 or (needed > MOST_BLOCK_BYTES and (page.compression != 1 or page.is_tiled)):
        raise refuse(
            "raster_blocks",
            f"{name} has blocks of {columns:,} x {rows:,} pixels, which cannot be decoded piece by piece. Write it "
            "anew with gdal_translate -co TILED=YES.",
            f"{name} 的分块为 {columns:,} x {rows:,} 像素，无法逐块解码。请用 gdal_translate -co TILED=YES 重新写出。",
        )


def _check_blocks(tags: dict[int, NDArray[np.generic]], page: Page, size: int, name: str) -> None:
    """Every block must lie within the file; one that was never written has no place and no bytes."""
    planes = page.bands if PLANAR in tags and int(tags[PLANAR][0]) == 2 else 1
    rows, columns = page.block
    count = math.ceil(page.height / rows) * math.ceil(page.width / columns) * planes
    offsets = tags.get(TILE_OFFSETS if page.is_tiled else STRIP_OFFSETS)
    sizes = tags.get(TILE_BYTES if page.is_tiled else STRIP_BYTES)
    if offsets is None or len(offsets) < count or (sizes is not None and len(sizes) < count):
        raise damaged(name, "it does not say where all its blocks are", "缺少部分数据块的位置")
    ends = offsets[:count].astype(np.float64) + (0 if sizes is None else sizes[:count].astype(np.float64))
    if float(ends.max(initial=0)) > size:
        raise cut_off(name)


def cut_off(name: str) -> Refusal:
    """The refusal of a file whose end is missing."""
    return damaged(name, "its end is missing", "文件不完整（被截断）")


def damaged(name: str, why: str, why_zh: str) -> Refusal:
    """The refusal of a file that does not hold what it declares."""
    return refuse(
        "raster_damaged",
        f"{name} is damaged: {why}. Fetch it again, or ask whoever made it.",
        f"{name} 已损坏：{why_zh}。请重新获取或联系提供方。",
        kind="unreadable",
    )


def _empty(name: str) -> Refusal:
    return refuse(
        "raster_empty",
        f"{name} holds no raster: it has no bands or no pixels.",
        f"{name} 不含栅格：没有波段或没有像素。",
        kind="unreadable",
    )
