"""How much memory the index of a city takes: by how much the process grows, the polygons it was built from let go.

Everything counts that the lookups need: tables, exact fallback, codes, and files that the process has mapped.
"""

import ctypes
import gc
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from bench.peers.data import load_array, load_codes, load_units
from bench.peers.protocol import serve
from gis.locate import PolygonIndex


class Memory:
    def prepare(self, units: str, points: str) -> None:
        self.wkb, self.codes = shapely.to_wkb(load_units(units)), load_codes(units)
        self.points = load_array(points)
        few = slice(0, 1000)
        PolygonIndex.build(shapely.from_wkb(self.wkb[few]), self.codes[few]).lowest(self.points[:1000])
        self.grown = self.tables = 0

    def run(self) -> PolygonIndex:
        before = resident()
        index = PolygonIndex.build(shapely.from_wkb(self.wkb), self.codes)
        index.lowest(self.points)  # so that what is mapped is really read
        self.grown = resident() - before
        self.tables = sum(tables(index).values())
        return index

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        return {"grown_bytes": self.grown, "table_bytes": self.tables}


def tables(thing: Any) -> dict[int, int]:
    """Bytes of every numpy array that the thing holds, by address: what several names lead to counts once."""
    if isinstance(thing, np.ndarray):
        return {thing.ctypes.data: thing.nbytes}
    if is_dataclass(thing):
        parts = [getattr(thing, each.name) for each in fields(thing)]
    elif isinstance(thing, Mapping):
        parts = list(thing.values())
    else:
        parts = list(thing) if isinstance(thing, list | tuple) else []
    return {address: size for part in parts for address, size in tables(part).items()}


def resident() -> int:
    """Bytes of this process in memory, after giving back what is free."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    serve(Memory())
