"""The product's index of polygons, built before (warm) or inside the timed run (cold)."""

from time import perf_counter
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array, load_codes, load_units
from bench.peers.protocol import serve
from gis.locate import PolygonIndex

THREADS = 2


class Locate:
    def prepare(self, units: str, points: str, cold: bool = False, trusted: bool = True) -> dict[str, Any]:
        # What a store delivers: WKB and codes.
        self.wkb, self.codes = shapely.to_wkb(load_units(units)), load_codes(units)
        self.points, self.trusted = load_array(points), trusted
        self.stages: dict[str, float] = {}
        self.index: PolygonIndex | None = None
        few = slice(0, 1000)  # so that what is compiled at first use is compiled
        self._locate(self._build(few)[0], self.points[:1000])
        if cold:
            return {}
        self.index, stages = self._build()
        self._locate(self.index, self.points[:1000])
        return {f"prepare_{name}": seconds for name, seconds in stages.items()}

    def run(self) -> NDArray[np.int64]:
        if self.index is not None:
            return self._locate(self.index, self.points)
        index, self.stages = self._build()
        begin = perf_counter()
        found = self._locate(index, self.points)
        self.stages["locate_s"] = perf_counter() - begin
        return found

    def _build(self, part: slice = slice(None)) -> tuple[PolygonIndex, dict[str, float]]:
        begin = perf_counter()
        polygons = shapely.from_wkb(self.wkb[part])
        parsed = perf_counter()
        index = PolygonIndex.build(polygons, self.codes[part], trusted=self.trusted)
        return index, {"parse_s": parsed - begin, "build_s": perf_counter() - parsed}

    def _locate(self, index: PolygonIndex, points: NDArray[np.float64]) -> NDArray[np.int64]:
        return index.lowest(points, threads=THREADS)

    def answers(self, found: NDArray[np.int64]) -> NDArray[np.int32]:
        return found.astype(np.int32)  # units stand in the order of their codes, as they do for the peers

    def figures(self) -> dict[str, Any]:
        return self.stages


if __name__ == "__main__":
    serve(Locate())
