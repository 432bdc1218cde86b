"""Choosing the cells: fine enough that a cell has few edges, coarse enough for memory and for the digits of doubles."""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.cells.layout import SIDE, Frame, Whole
from gis.metres import Paths

CELLS_A_POLYGON = 16  # a cell's side is a quarter of a usual polygon's side ...
EDGES_A_CELL = 1.5  # ... or less, where boundaries are rich in nodes: about so many nodes a cell on average
NARROWEST = 1 / 64  # one side of a cell to the other
FINEST = 2.0**-26  # a cell's side against the greatest coordinate: one ulp is then below 2^-26 of a cell
MOST_CELLS = 2**23  # along one side: rounding stays below 2^-29 of a cell
TILES_AT_LEAST, POLYGONS_A_TILE = 1024, 8  # tiles with edges in them: at most n / POLYGONS_A_TILE + TILES_AT_LEAST
GROWTH = 1.5


def choose_frame(rings: Paths, boxes: NDArray[np.float64], areas: NDArray[np.float64]) -> Frame:
    """A frame over polygons with bounding boxes (n, 4) and areas (n,) in the plane of their coordinates, n > 0."""
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    nodes = np.diff(rings.coord_starts[rings.path_starts])
    cell = float(np.median(np.minimum(areas / CELLS_A_POLYGON, areas / nodes * EDGES_A_CELL)))
    sides = np.median(boxes[:, 2:] - boxes[:, :2], axis=0)
    shape = float(np.clip(sides[0] / sides[1] if sides[1] > 0 else 1.0, NARROWEST, 1 / NARROWEST))
    finest = float(np.abs(boxes).max()) * FINEST or 1.0
    width, height = max(math.sqrt(cell * shape), finest), max(math.sqrt(cell / shape), finest)
    width, height = max(width, (east - west) / MOST_CELLS), max(height, (north - south) / MOST_CELLS)
    most = len(areas) // POLYGONS_A_TILE + TILES_AT_LEAST
    while True:
        frame = Frame(
            float(west) - width / 2,
            float(south) - height / 2,
            width,
            height,
            int((east - west) / width + 1.5) // SIDE + 1,
            int((north - south) / height + 1.5) // SIDE + 1,
        )
        tiles = frame.columns * frame.rows
        if tiles <= 16 * most and _touched(rings.coords, frame.packed()) <= most:
            return frame
        width, height = width * GROWTH, height * GROWTH


@njit(cache=True, nogil=True)
def _touched(coords: Any, frame: Any) -> Whole:
    """In how many tiles there is a node."""
    columns, rows = np.int64(frame[6]), np.int64(frame[7])
    touched = np.zeros(columns * rows, np.bool_)
    for k in range(len(coords)):
        column = np.int64((coords[k, 0] - frame[0]) * frame[2]) // SIDE
        row = np.int64((coords[k, 1] - frame[1]) * frame[3]) // SIDE
        touched[min(row, rows - 1) * columns + min(column, columns - 1)] = True
    return touched.sum()
