"""Deliveries as firms send them: a shapefile for each class, in GBK, with Chinese names; and ways to spoil them."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from gis.formats import write
from gis.formats.columns import to_column
from gis.tables import Table

HEADS = ("GLBJBSM", "GLBJMC", "GLBJZT", "ZGBMDM", "ZGBMMC", "CSRQ")
CLASSES = {"01001": "供水井盖", "01002": "污水井盖", "01037": "路灯"}
Row = dict[str, Any]


def code(of: str, number: int, county: str = "440305") -> str:
    return f"{county}{of}{100 + number:06d}"  # lower numbers are the small world's own


def row(of: str, number: int, lon: float | None = None, lat: float = 22.503, **values: Any) -> Row:
    """A component within the western unit of the small world, each a few metres from the next."""
    usual = {
        "GLBJMC": CLASSES.get(of, "部件"),
        "GLBJZT": "完好",
        "ZGBMDM": "CITY",
        "ZGBMMC": "市城管局",
        "CSRQ": "20260301",
    }
    place = shapely.Point(round(114.001 + 0.0001 * number, 9) if lon is None else lon, lat)
    return {"GLBJBSM": code(of, number), **usual, "geometry": place, **values}


def rows(of: str, count: int = 10) -> list[Row]:
    north = 22.501 + 0.001 * sorted(CLASSES).index(of)
    return [row(of, number, lat=round(north, 9)) for number in range(1, count + 1)]


def deliver(path: Path, given: Sequence[Row], crs: str = "EPSG:4490", encoding: str | None = None) -> Path:
    """A file of rows; `encoding` is that of a shapefile, by default GBK."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [name for name in given[0] if name != "geometry"]
    columns: Mapping[str, Any] = {name: to_column([each.get(name) for each in given]) for name in names}
    geometry = to_column([each["geometry"] for each in given])
    table = Table(columns, geometry, "EPSG:4490", np.arange(1, len(given) + 1))
    used = (encoding or "gbk") if path.suffix == ".shp" else encoding
    write(path, table, crs=crs, encoding=used)
    return path


def whole(folder: Path) -> Path:
    """A folder of three classes without a fault, one of them below a folder of its own."""
    for of, name in CLASSES.items():
        below = folder / "照明" if of == "01037" else folder
        deliver(below / f"{of}{name}.shp", rows(of))
    (folder / "说明.docx").write_bytes(b"x")
    (folder / "清单.csv").write_text("文件,行数\n01001供水井盖.shp,10\n", encoding="gbk")
    return folder


class _NamedInGbk(zipfile.ZipInfo):
    """A member as Windows writes it: its name in the code page of the place, and no mark that says so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gb18030"), self.flag_bits & ~0x800


def packed(folder: Path, path: Path) -> Path:
    """A folder in a zip, below one more folder, its names in GBK."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                info = _NamedInGbk(f"成果/{file.relative_to(folder).as_posix()}")
                archive.writestr(info, file.read_bytes())
    return path
