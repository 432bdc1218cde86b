"""The product's index of features: the nearest of a class within reach."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array
from bench.peers.protocol import serve
from gis.nearest import FeatureIndex

THREADS = 2
SLICE = 65_536


class Nearest:
    def prepare(self, **given: Any) -> None:
        numbers, asked = load_array(given["feature_classes"]), load_array(given["point_classes"])
        names = np.array([f"2026 {each:05d}" for each in range(int(max(numbers.max(), asked.max())) + 1)])
        geometries = np.asarray(shapely.points(load_array(given["feature_places"])))
        self.index = FeatureIndex.build(geometries, names[numbers])
        # The classes as the index numbers them: the trees of the peer, too, know beforehand who asks for which.
        self.points, self.classes = load_array(given["point_places"]), self.index.numbers(names)[asked]
        self.reach = np.full(len(self.points), given["reach_m"])
        self.threads = ThreadPoolExecutor(THREADS)
        self.index.nearest(self.points[:1000], self.classes[:1000], self.reach[:1000])

    def run(self) -> NDArray[np.int32]:
        found = np.empty(len(self.points), dtype=np.int32)

        def fill(start: int) -> None:
            part = slice(start, start + SLICE)
            found[part] = self.index.nearest(self.points[part], self.classes[part], self.reach[part])[0]

        list(self.threads.map(fill, range(0, len(self.points), SLICE)))
        return found

    def answers(self, found: NDArray[np.int32]) -> NDArray[np.int32]:
        return found

    def figures(self) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    serve(Nearest())
