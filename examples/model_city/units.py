"""Unit grids: blocks of the lattice, some of them merged, and the river that they leave out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examples.model_city.divisions import Divisions, divide
from examples.model_city.names import Names
from examples.model_city.streets import SWAY, Ints, Lattice, Rings, cut, draw

FEWEST = 50
_MERGED = 0.06
_CELLS_PER_UNIT = 1.045  # what the merging costs


@dataclass(frozen=True, slots=True)
class Units:
    """n unit grids in the order of their 15-digit codes; `community` (n,) is an index into the divisions."""

    rings: Rings
    polygons: NDArray[np.object_]
    codes: NDArray[np.str_]
    community: Ints
    bridge: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, slots=True)
class River:
    """What of the river lies between the city's western edge, its two bridges and its eastern edge."""

    polygons: NDArray[np.object_]
    names: list[str]


def lay_out(rng: np.random.Generator, names: Names, units: int) -> tuple[Units, River, Divisions]:
    """A city of about `units` unit grids of about 10,000 m2. Raises ValueError below FEWEST."""
    if units < FEWEST:
        raise ValueError(f"a city needs at least {FEWEST} units, not {units}")
    cells = units * _CELLS_PER_UNIT
    columns = 2 * round(np.sqrt(cells) / 2)
    south = 2 * max(1, round(cells / columns * 0.45 / 2))
    north = 2 * max(1, round(cells / columns / 2 - south / 2))
    rows = south + 1 + north  # the river is a row of its own
    banks, divisions = divide(rng, names, [(columns, north), (columns, south)])
    community = np.full((rows, columns), -1, dtype=np.int64)
    community[south + 1 :], community[:south] = banks
    bridges = np.array([columns * 3 // 10, columns * 7 // 10])
    community[south, bridges] = community[south + 1, bridges]  # a bridge belongs to the northern bank
    lattice = draw(rng, columns, rows, corner=(-columns / 2, -rows / 2), sway=SWAY)
    return _units(rng, lattice, community, divisions, south), _river(lattice, south, bridges), divisions


def _units(rng: np.random.Generator, lattice: Lattice, community: Ints, divisions: Divisions, river: int) -> Units:
    merged = _merged(rng, community)
    swallowed = np.zeros_like(merged)
    swallowed[:, 1:] = merged[:, :-1]
    row, first = np.nonzero((community >= 0) & ~swallowed)
    last = first + merged[row, first]
    belongs = community[row, first]
    order = np.lexsort((first, -row, belongs))  # west to east, then north to south, community by community
    row, first, last, belongs = row[order], first[order], last[order], belongs[order]
    number = np.arange(len(row)) - np.searchsorted(belongs, belongs) + 1
    # As numbers: a whole array of text is made at once, ten times faster than joining text to text.
    codes = (divisions.communities.astype(np.int64)[belongs] * 1000 + number).astype("U15")
    rings = cut(lattice, row, first, last)
    return Units(rings, rings.polygons(), codes, belongs, row == river)


def _merged(rng: np.random.Generator, community: Ints) -> NDArray[np.bool_]:
    """Which cells are one unit with the cell to the east: a few, never three in a row, within one community."""
    wished = rng.random(community.shape) < _MERGED
    merged = np.zeros_like(wished)
    merged[:, :-1] = wished[:, :-1] & (community[:, :-1] == community[:, 1:]) & (community[:, :-1] >= 0)
    merged[:, 1:] &= ~wished[:, :-1]
    return merged


def _river(lattice: Lattice, row: int, bridges: Ints) -> River:
    first = np.concatenate([[0], bridges + 1])
    last = np.concatenate([bridges - 1, [lattice.nx - 1]])
    names = ["梅溪河西段", "梅溪河中段", "梅溪河东段"]
    wet = np.nonzero(last >= first)[0]
    rings = cut(lattice, np.full(len(wet), row), first[wet], last[wet])
    return River(rings.polygons(), [names[i] for i in wet])
