"""How much memory the index of a city takes: by how much the process grows, the polygons it was built from let go.

Everything counts that lookups need: tables, exact fallback, codes, the tree for distances. Files that the process maps
count in full, read or not, though the workers of a machine share one copy of them.
"""

import ctypes
import gc
import re
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
        self._ask(PolygonIndex.build(shapely.from_wkb(self.wkb[few]), self.codes[few], trusted=True))
        self.sizes: dict[str, int] = {}

    def run(self) -> PolygonIndex:
        own, files = own_bytes(), mapped_bytes()
        index = PolygonIndex.build(shapely.from_wkb(self.wkb), self.codes, trusted=True)
        self._ask(index)
        own, mapped = own_bytes() - own, mapped_bytes() - files
        self.sizes = {"all_bytes": own + mapped, "own_bytes": own, "mapped_bytes": mapped}
        self.sizes["tables_bytes"] = covered(tables(index))
        return index

    def _ask(self, index: PolygonIndex) -> None:
        """Everything once, so that what is made or read at first use is there."""
        few = self.points[:1000]
        index.lowest(self.points)
        index.holders(few)
        index.near(few, 5.0)
        index.edge_distance(few)

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        return self.sizes


def tables(thing: Any, seen: set[int] | None = None) -> list[tuple[int, int]]:
    """Where every numpy array that the thing holds begins and ends in memory."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return [(thing.ctypes.data, thing.ctypes.data + thing.nbytes)]
    if is_dataclass(thing):
        parts = [getattr(thing, each.name) for each in fields(thing)]
    elif isinstance(thing, Mapping):
        parts = list(thing.values())
    elif isinstance(thing, list | tuple):
        parts = list(thing)
    else:
        parts = list(getattr(thing, "__dict__", {}).values())
    return [span for part in parts for span in tables(part, seen)]


def covered(spans: list[tuple[int, int]]) -> int:
    """The bytes of some stretches of memory; what several of them hold counts once."""
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total


def own_bytes() -> int:
    """Bytes of memory that are this process's own, after giving back what is free."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(kilobytes) * 1024


def mapped_bytes() -> int:
    """Bytes of the files that this process maps, of each in full; a stretch that is mapped twice counts once."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        parts = line.split(maxsplit=5)
        if len(parts) == 6 and not parts[5].startswith("["):
            begin, end = (int(each, 16) for each in parts[0].split("-"))
            offset = int(parts[2], 16)
            spans.setdefault(f"{parts[3]} {parts[4]}", []).append((offset, offset + end - begin))
    return sum(covered(each) for each in spans.values())


if __name__ == "__main__":
    serve(Memory())
