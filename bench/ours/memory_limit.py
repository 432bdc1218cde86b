"""The limit of a lookup by cells: the same memory accesses, and hardly any arithmetic.

Each point reads its coordinates, its entry in the table of cells (25 m, four bytes each), and, where an edge crosses
the cell, the cell's record of 64 bytes; it writes four bytes. The tables are as large as a city needs them and the
records lie where its edges are, but they hold nothing.
"""

from typing import Any

import numpy as np
from numba import njit, prange, set_num_threads
from numpy.typing import NDArray

from bench.peers.data import load_array
from bench.peers.protocol import serve

CELL_M = 25.0
WORDS = 8  # of eight bytes: one record, one line of the cache
METRES_PER_DEGREE = 111_320.0


class MemoryLimit:
    def prepare(self, units: str, points: str, threads: int = 2) -> dict[str, Any]:
        set_num_threads(threads)
        with np.load(units) as city:
            coords, offsets = city["coords"], city["offsets"]
        self.points = load_array(points)
        low, high = coords.min(axis=0), coords.max(axis=0)
        per_degree = METRES_PER_DEGREE * np.array([np.cos(np.radians(low[1])), 1.0])
        self.low, self.scale = low, per_degree / CELL_M
        columns, rows = (np.ceil((high - low) * self.scale).astype(int) + 1).tolist()
        head = np.zeros((rows, columns), dtype=np.int32)
        _mark(coords, offsets, self.low, self.scale, head)
        crossed = np.flatnonzero(head.ravel())
        head.ravel()[crossed] = -1 - np.arange(len(crossed))
        self.head = head
        space = np.zeros((len(crossed) + 1) * WORDS, dtype=np.int64)
        shift = (-space.ctypes.data // 8) % WORDS  # a record begins where a line of the cache begins
        self.records = space[shift : shift + len(crossed) * WORDS].reshape(-1, WORDS)
        self.records[:] = 1
        _read(self.points[:1000], self.low, self.scale, self.head, self.records)
        return {"table_bytes": head.nbytes + self.records.nbytes}

    def run(self) -> NDArray[np.int32]:
        return np.asarray(_read(self.points, self.low, self.scale, self.head, self.records))

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        return {}


@njit(cache=True)
def _mark(coords: Any, offsets: Any, low: Any, scale: Any, head: Any) -> None:
    """Set the cells that an edge crosses, found by walking along it in steps of a sixteenth of a cell."""
    for ring in range(len(offsets) - 1):
        for k in range(offsets[ring], offsets[ring + 1] - 1):
            x, y = (coords[k, 0] - low[0]) * scale[0], (coords[k, 1] - low[1]) * scale[1]
            dx, dy = (coords[k + 1, 0] - low[0]) * scale[0] - x, (coords[k + 1, 1] - low[1]) * scale[1] - y
            steps = int(16 * max(abs(dx), abs(dy))) + 1
            for step in range(steps + 1):
                head[int(y + dy * step / steps), int(x + dx * step / steps)] = 1


@njit(cache=True, parallel=True)
def _read(points: Any, low: Any, scale: Any, head: Any, records: Any) -> Any:
    found = np.empty(len(points), dtype=np.int32)
    rows, columns = head.shape
    for i in prange(len(points)):
        column, row = int((points[i, 0] - low[0]) * scale[0]), int((points[i, 1] - low[1]) * scale[1])
        answer = np.int32(-1)
        if 0 <= column < columns and 0 <= row < rows:
            answer = head[row, column]
            if answer < 0:
                answer = np.int32(records[-1 - answer, 0])
        found[i] = answer
    return found


if __name__ == "__main__":
    serve(MemoryLimit())
