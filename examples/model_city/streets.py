"""The lattice of streets: crooked lines that meet at nodes; whatever is bounded by them shares them, point by point.

One cell of the city is a block of 100 m by 100 m. A lattice is drawn in this plane of cells (x east, y north, the
middle of the city at 0, 0), turned into degrees and rounded once. Polygons are then only lists of lattice points, so
two neighbours have the very same vertices on their common edge.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from examples.model_city.positions import DECIMALS, LAT, LON, Positions, metres_per_degree

Ints = NDArray[np.int64]

BLOCK_M = 100.0
DEGREES = BLOCK_M / np.array(metres_per_degree(LAT))
"""One cell in degrees of longitude and latitude."""

# How crooked it may get. At a node two lines may close in on each other by 2 atan(0.24 / 0.76) = 35 degrees for the
# nodes' jitter, 2 x 17 for the bows (0.06) and the roughness (0.01), and 17 for the sway (slopes 0.2 + 0.1). The sum is
# below 90, so lines never cross and every polygon is valid, in a city of any size. Lines of more pieces than eight are
# rougher near a node and must be drawn without sway.
_JITTER, _BOW, _ROUGH = 0.12, 0.06, 0.01
SWAY = (0.2, 0.1)


@dataclass(frozen=True, slots=True)
class Rings:
    """n closed rings, anticlockwise: ring i is `points[offsets[i]:offsets[i + 1]]`, its first point last again."""

    points: Positions
    offsets: Ints

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def polygons(self) -> NDArray[np.object_]:
        """One shapely polygon for each ring."""
        each = np.arange(len(self) + 1)
        return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, self.points, (self.offsets, each)))


@dataclass(frozen=True, slots=True)
class Lattice:
    """nx by ny cells; row 0 is the southernmost.

    Line e is `points[offsets[e]:offsets[e + 1]]` in lon, lat. The (ny + 1) nx lines from west to east come first, row
    by row, then the ny (nx + 1) lines from south to north, row by row.
    """

    nx: int
    ny: int
    points: Positions
    offsets: Ints

    def along(self, row: Ints, column: Ints) -> Ints:
        """The line below the cells."""
        return row * self.nx + column

    def across(self, row: Ints, column: Ints) -> Ints:
        """The line west of the cells."""
        return (self.ny + 1) * self.nx + row * (self.nx + 1) + column


def degrees(cells: Positions) -> Positions:
    """Points of the plane of cells as lon, lat, rounded."""
    return np.asarray(np.round([LON, LAT] + cells * DEGREES, DECIMALS))


def draw(
    rng: np.random.Generator,
    nx: int,
    ny: int,
    *,
    corner: tuple[float, float],
    size: float = 1.0,
    pieces: tuple[int, int] = (2, 8),
    sway: tuple[float, float] = (0.0, 0.0),
) -> Lattice:
    """A lattice of nx by ny squares of `size` cells from its south-western `corner`, made crooked.

    Each line has between `pieces[0]` and `pieces[1]` pieces. `sway` is the steepest slope that long waves give to the
    lines from west to east and from south to north.
    """
    x, y = np.meshgrid(np.arange(nx + 1.0), np.arange(ny + 1.0))
    wave_x, wave_y = 2 * np.pi * 1.5 / nx, 2 * np.pi * 1.2 / ny
    node = np.stack([x + sway[1] / wave_y * np.sin(wave_y * y), y + sway[0] / wave_x * np.sin(wave_x * x)], axis=-1)
    node += rng.uniform(-_JITTER, _JITTER, node.shape)
    node = node * size + np.asarray(corner)
    start = np.concatenate([node[:, :-1].reshape(-1, 2), node[:-1].reshape(-1, 2)])
    end = np.concatenate([node[:, 1:].reshape(-1, 2), node[1:].reshape(-1, 2)])
    points, offsets = _lines(rng, start, end, pieces)
    return Lattice(nx, ny, degrees(points), offsets)


def _lines(
    rng: np.random.Generator, start: Positions, end: Positions, pieces: tuple[int, int]
) -> tuple[Positions, Ints]:
    count = rng.integers(pieces[0], pieces[1], len(start), endpoint=True)
    offsets = np.concatenate([[0], np.cumsum(count + 1)])
    line = np.repeat(np.arange(len(start)), count + 1)
    step = np.arange(offsets[-1]) - offsets[line]
    inner = (step > 0) & (step < count[line])
    t = (step + inner * rng.uniform(-0.25, 0.25, len(step))) / count[line]
    bow = rng.uniform(-_BOW, _BOW, len(start))
    aside = bow[line] * np.sin(np.pi * t) + inner * rng.uniform(-_ROUGH, _ROUGH, len(step))
    chord = end - start
    normal = np.stack([-chord[:, 1], chord[:, 0]], axis=1)
    points = start[line] + chord[line] * t[:, None] + normal[line] * aside[:, None]
    points[offsets[:-1]], points[offsets[1:] - 1] = start, end  # exactly the nodes, whatever the arithmetic gave
    return points, offsets


def cut(lattice: Lattice, row: Ints, first: Ints, last: Ints) -> Rings:
    """The outlines of n runs of cells: in `row` from column `first` to column `last`, each (n,)."""
    width = last - first + 1
    sides = 2 * width + 2
    run = np.repeat(np.arange(len(row)), sides)
    side = np.arange(len(run)) - np.repeat(np.cumsum(sides) - sides, sides)
    w, j, west, east = width[run], row[run], first[run], last[run]
    line = np.select(
        [side < w, side == w, side <= 2 * w],
        [lattice.along(j, west + side), lattice.across(j, east + 1), lattice.along(j + 1, east - (side - w - 1))],
        lattice.across(j, west),
    )
    return _chain(lattice, line, side > w, sides)


def _chain(lattice: Lattice, line: Ints, backward: NDArray[np.bool_], sides: Ints) -> Rings:
    """Rings from lines laid end to end; each line gives all its points but the last, the ring then closes."""
    begin, end = lattice.offsets[line], lattice.offsets[line + 1] - 1
    count = end - begin
    before = np.concatenate([[0], np.cumsum(count)])
    step = np.arange(before[-1]) - np.repeat(before[:-1], count)
    source = np.where(np.repeat(backward, count), np.repeat(end, count) - step, np.repeat(begin, count) + step)
    open_offsets = before[np.concatenate([[0], np.cumsum(sides)])]
    offsets = open_offsets + np.arange(len(sides) + 1)
    points = np.empty((offsets[-1], 2))
    closing = np.zeros(len(points), dtype=bool)
    closing[offsets[1:] - 1] = True
    points[~closing] = lattice.points[source]
    points[closing] = points[offsets[:-1]]
    return Rings(points, offsets)
