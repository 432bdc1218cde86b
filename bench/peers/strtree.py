"""shapely's STRtree, built before: one thread, it has no other way."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array, load_units
from bench.peers.protocol import lowest, serve


class Strtree:
    def prepare(self, units: str, points: str) -> None:
        self.tree = shapely.STRtree(load_units(units))
        self.points = np.asarray(shapely.points(load_array(points)))
        self.tree.query(self.points[:1000], predicate="intersects")

    def run(self) -> Any:
        return self.tree.query(self.points, predicate="intersects")

    def answers(self, found: Any) -> NDArray[np.int32]:
        return lowest(len(self.points), found[0], found[1])

    def figures(self) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    serve(Strtree())
