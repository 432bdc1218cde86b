"""Counties, streets and communities: runs along a space-filling curve over the blocks, so each is in one piece."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.model_city.names import Names
from examples.model_city.streets import Ints

CITY = "4499"
PROVINCE = "44"

CELLS_PER_COMMUNITY = 12.5  # about 12 units, for some blocks are merged
COMMUNITIES_PER_STREET = 9
STREETS_PER_COUNTY = 7
MOST_COUNTIES = 99  # two digits


@dataclass(frozen=True, slots=True)
class Divisions:
    """Three levels. `street` (communities,) and `county` (streets,) are the indices of the parents."""

    counties: NDArray[np.str_]
    county_names: list[str]
    streets: NDArray[np.str_]
    street_names: list[str]
    county: Ints
    communities: NDArray[np.str_]
    community_names: list[str]
    street: Ints


def curve(width: int, height: int) -> tuple[Ints, Ints]:
    """Columns and rows of all cells of a rectangle in the order of a generalised Hilbert curve.

    Consecutive cells share an edge when width and height are even. (The idea is J. Červený's "gilbert".)
    """
    cells: list[complex] = []

    def walk(at: complex, u: complex, w: int, v: complex, h: int) -> None:
        """From corner `at` over w cells along u and h along v, ending at the far end of u."""
        if h == 1:
            cells.extend(at + u * i for i in range(w))
        elif w == 1:
            cells.extend(at + v * i for i in range(h))
        elif 2 * w > 3 * h:
            half = _even_half(w)
            walk(at, u, half, v, h)
            walk(at + half * u, u, w - half, v, h)
        else:
            half, side = _even_half(h), w // 2
            walk(at, v, half, u, side)
            walk(at + half * v, u, w, v, h - half)
            walk(at + (w - 1) * u + (half - 1) * v, -v, half, -u, w - side)

    if width >= height:
        walk(0j, 1 + 0j, width, 1j, height)
    else:
        walk(0j, 1j, height, 1 + 0j, width)
    path = np.array(cells)
    return path.real.astype(np.int64), path.imag.astype(np.int64)


def _even_half(length: int) -> int:
    half = length // 2
    return half + 1 if half % 2 and length > 2 else half


def runs(rng: np.random.Generator, length: int, count: int, slack: float) -> Ints:
    """(length,) labels 0, 0, ..., 1, ...: `count` runs of about the same length, each end moved by up to `slack`."""
    ends = np.arange(1, count) * length / count + rng.uniform(-slack, slack, count - 1)
    return np.searchsorted(np.round(ends), np.arange(length), side="right").astype(np.int64)


def divide(rng: np.random.Generator, names: Names, banks: list[tuple[int, int]]) -> tuple[list[Ints], Divisions]:
    """Divide each bank of the river, (columns, rows) of blocks, and name and number what comes of it.

    Returns for each bank the community of every cell (rows, columns), and the divisions. No division crosses the river.
    """
    grids: list[Ints] = []
    street: list[Ints] = []
    county: list[Ints] = []
    communities = streets = counties = 0
    cells = sum(columns * rows for columns, rows in banks)
    for columns, rows in banks:
        column, row = curve(columns, rows)
        n = max(1, round(len(row) / CELLS_PER_COMMUNITY))
        grid = np.empty((rows, columns), dtype=np.int64)
        grid[row, column] = communities + runs(rng, len(row), n, 1.0)
        m = max(1, round(n / COMMUNITIES_PER_STREET))
        k = max(1, min(round(m / STREETS_PER_COUNTY), MOST_COUNTIES * len(row) // cells))
        grids.append(grid)
        street.append(streets + runs(rng, n, m, 0.4))
        county.append(counties + runs(rng, m, k, 0.4))
        communities, streets, counties = communities + n, streets + m, counties + k
    return grids, _named(names, np.concatenate(street), np.concatenate(county))


def _named(names: Names, street: Ints, county: Ints) -> Divisions:
    counties = np.array([f"{CITY}{i + 1:02d}" for i in range(county[-1] + 1)])
    streets = np.char.add(counties[county], _numbers(county))
    return Divisions(
        counties=counties,
        county_names=[f"{names.take()}区" for _ in counties],
        streets=streets,
        street_names=[f"{names.take()}街道" for _ in streets],
        county=county,
        communities=np.char.add(streets[street], _numbers(street)),
        community_names=[f"{names.take()}{'村' if i % 3 == 0 else ''}社区" for i in range(len(street))],
        street=street,
    )


def _numbers(parent: Ints) -> NDArray[np.str_]:
    """001, 002, ... within each run of the same parent."""
    start = np.searchsorted(parent, parent)
    return np.char.zfill((np.arange(len(parent)) - start + 1).astype("U3"), 3)
