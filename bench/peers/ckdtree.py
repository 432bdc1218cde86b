"""scipy's cKDTree, one tree a class, over coordinates projected to metres before: two threads."""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from bench.peers.data import load_array
from bench.peers.protocol import serve


class CKDTree:
    def prepare(self, **given: Any) -> dict[str, Any]:
        classes, metres = load_array(given["feature_classes"]), load_array(given["feature_metres"])
        self.asked, self.points = load_array(given["point_classes"]), load_array(given["point_metres"])
        self.reach, self.threads = given["reach_m"], given.get("threads", 2)
        self.trees = [(members, cKDTree(metres[members])) for members in _members(classes)]
        self.rows = _members(self.asked)
        for (_, tree), rows in zip(self.trees, self.rows, strict=False):
            tree.query(self.points[rows[:10]], k=2, distance_upper_bound=self.reach, workers=self.threads)
        return {"version": scipy.__version__}

    def run(self) -> NDArray[np.int32]:
        found = np.full(len(self.points), -1, dtype=np.int32)
        for (members, tree), rows in zip(self.trees, self.rows, strict=False):
            # The two nearest, for the product tells the distance of the second too.
            _, near = tree.query(self.points[rows], k=2, distance_upper_bound=self.reach, workers=self.threads)
            found[rows] = np.append(members, -1)[near[:, 0]]
        return found

    def answers(self, found: NDArray[np.int32]) -> NDArray[np.int32]:
        return found

    def figures(self) -> dict[str, Any]:
        return {}


def _members(classes: NDArray[Any]) -> list[NDArray[np.int32]]:
    return [np.flatnonzero(classes == each).astype(np.int32) for each in range(int(classes.max()) + 1)]


if __name__ == "__main__":
    serve(CKDTree())
