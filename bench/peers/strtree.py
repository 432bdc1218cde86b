"""shapely's STRtree, built before; half of the points asked by each of two threads, for a query lets others run."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array, load_units
from bench.peers.protocol import lowest, serve


class Strtree:
    def prepare(self, units: str, points: str, threads: int = 2) -> dict[str, Any]:
        self.tree = shapely.STRtree(load_units(units))
        self.points = np.asarray(shapely.points(load_array(points)))
        cuts = np.linspace(0, len(self.points), threads + 1).astype(int)
        self.parts = [slice(*each) for each in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]
        self.pool = ThreadPoolExecutor(threads)
        self.tree.query(self.points[:1000], predicate="intersects")
        return {"version": shapely.__version__, "geos": shapely.geos_version_string}

    def run(self) -> Any:
        return list(self.pool.map(lambda part: self.tree.query(self.points[part], predicate="intersects"), self.parts))

    def answers(self, found: Any) -> NDArray[np.int32]:
        points = np.concatenate([each[0] + part.start for each, part in zip(found, self.parts, strict=True)])
        return lowest(len(self.points), points, np.concatenate([each[1] for each in found]))

    def figures(self) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    serve(Strtree())
