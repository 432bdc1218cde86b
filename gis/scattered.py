"""Points in hash tables of square cells: those of a class within reach of many places, in compiled loops."""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from gis.heap.lines import frozen
from gis.metres import ECCENTRICITY_2, SEMI_MAJOR_M, Floats, Indices, halves

FINEST_DEG = 0.0008  # the smallest cells, 89 m from south to north: a reach of 44 m meets four at most
FACTOR = 4.0
COARSEST = 10  # 0.0008 * 4 ** 10 > 360: the whole world in one cell
ROOM = 1 << 16

Ints = NDArray[np.int32]
Hits = tuple[Indices, Indices, Floats]


@njit(cache=True, nogil=True, inline="always")
def measure(lat: float) -> tuple[float, float, float]:
    """Metres per degree of longitude and latitude, and the bend, at a latitude: as `gis.metres` has them."""
    radians = lat * (math.pi / 180.0)
    sine = math.sin(radians)
    flattened = 1.0 - ECCENTRICITY_2 * (sine * sine)
    prime_vertical = SEMI_MAJOR_M / math.sqrt(flattened)
    meridian = prime_vertical * (1.0 - ECCENTRICITY_2) / flattened
    per_lon = prime_vertical * math.cos(radians) * (math.pi / 180.0)
    return per_lon, meridian * (math.pi / 180.0), -math.tan(radians) / (2.0 * prime_vertical)


@njit(cache=True, nogil=True)
def level_of(lonlat: Floats, reach: Floats) -> Indices:
    """The size of cells for each place and reach: the least of which the box meets four at most; -1 if not finite."""
    found = np.empty(len(lonlat), dtype=np.int64)
    for k in range(len(lonlat)):
        if not (math.isfinite(lonlat[k, 0]) and math.isfinite(lonlat[k, 1])):
            found[k] = -1
            continue
        # No degree is shorter than this; the exact measure is not needed to choose a size.
        high = 2.0 * min(reach[k], 1e9) / 110_000.0
        wide = high / max(math.cos(min(abs(lonlat[k, 1]) + high, 90.0) * (math.pi / 180.0)), 1e-9)
        level, size = 0, FINEST_DEG
        while level < COARSEST and size < max(high, 0.5 * wide):
            level += 1
            size *= FACTOR
        found[k] = level
    return found


@njit(cache=True, nogil=True, inline="always")
def _slot(i: Any, j: Any, group: int, mask: int) -> Any:
    mixed = (
        np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)
        ^ np.uint64(j) * np.uint64(0xC2B2AE3D27D4EB4F)
        ^ np.uint64(group) * np.uint64(0x165667B19E3779F9)
    )
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return np.int64(mixed >> np.uint64(20)) & mask


@njit(cache=True, nogil=True)
def mixed_rows(words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A number for each row (n,) of words (n, w), the same for equal rows and nearly always another for others."""
    found = np.empty(len(words), dtype=np.uint64)
    for k in range(len(words)):
        mixed = np.uint64(0xCBF29CE484222325)
        for word in words[k]:
            mixed = (mixed ^ np.uint64(word)) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(32)
        found[k] = mixed
    return found


@njit(cache=True, nogil=True)
def rows_match(words: NDArray[np.uint32], model: Indices) -> bool:
    """Whether every row is equal to its model row."""
    for k in range(len(words)):
        for word in range(words.shape[1]):
            if words[k, word] != words[model[k], word]:
                return False
    return True


@njit(cache=True, nogil=True)
def _fill(places: Floats, groups: Ints, size: float, starts: Ints, xy: Floats, group: Ints, member: Ints) -> None:
    mask = len(starts) - 2
    slots = np.empty(len(places), dtype=np.int64)
    for k in range(len(places)):
        slots[k] = _slot(
            np.int64(math.floor(places[k, 1] / size)), np.int64(math.floor(places[k, 0] / size)), groups[k], mask
        )
        starts[slots[k] + 1] += 1
    for slot in range(len(starts) - 1):
        starts[slot + 1] += starts[slot]
    at = starts[:-1].copy()
    for k in range(len(places)):
        to = at[slots[k]]
        at[slots[k]] += 1
        xy[to, 0], xy[to, 1] = places[k, 0], places[k, 1]
        group[to], member[to] = groups[k], k


@njit(cache=True, nogil=True)
def _all(
    begin: int,
    lonlat: Floats,
    asked: Ints,
    reach: Floats,
    rows: Indices,
    size: float,
    starts: Ints,
    xy: Floats,
    group: Ints,
    member: Ints,
    features: Indices,
    points: Indices,
    found: Indices,
    metres: Floats,
) -> tuple[int, int]:
    """Fill the room with the hits of rows[begin:]: (the row at which it ended, hits)."""
    mask, count = len(starts) - 2, 0
    for at in range(begin, len(rows)):
        row = rows[at]
        if asked[row] < 0:
            continue
        lon, lat = lonlat[row, 0], lonlat[row, 1]
        per_lon, per_lat, bend = measure(lat)
        wide, high = halves(per_lon, per_lat, bend, reach[row])
        first = count
        i0, i1 = np.int64(math.floor((lat - high) / size)), np.int64(math.floor((lat + high) / size))
        j0, j1 = np.int64(math.floor((lon - wide) / size)), np.int64(math.floor((lon + wide) / size))
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                slot = _slot(i, j, asked[row], mask)
                for k in range(starts[slot], starts[slot + 1]):
                    if group[k] != asked[row]:
                        continue
                    x, y = xy[k, 0], xy[k, 1]
                    if np.int64(math.floor(y / size)) != i or np.int64(math.floor(x / size)) != j:
                        continue  # of another cell that fell into the same slot
                    ay = (y - lat) * per_lat
                    dx = (x - lon) * per_lon * (1.0 + bend * ay)
                    distance = math.sqrt(dx * dx + ay * ay)
                    if distance > reach[row]:
                        continue
                    if count == len(points):
                        return (at, first)
                    feature = features[member[k]]
                    to = count
                    while to > first and (
                        metres[to - 1] > distance or (metres[to - 1] == distance and found[to - 1] > feature)
                    ):
                        metres[to], found[to] = metres[to - 1], found[to - 1]
                        to -= 1
                    metres[to], found[to], points[count] = distance, feature, row
                    count += 1
    return len(rows), count


@njit(cache=True, nogil=True)
def _two(
    lonlat: Floats,
    asked: Ints,
    reach: Floats,
    rows: Indices,
    size: float,
    starts: Ints,
    xy: Floats,
    group: Ints,
    member: Ints,
    features: Indices,
    index: Indices,
    least: Floats,
    second: Floats,
) -> None:
    mask = len(starts) - 2
    for at in range(len(rows)):
        row = rows[at]
        if asked[row] < 0:
            continue
        lon, lat = lonlat[row, 0], lonlat[row, 1]
        per_lon, per_lat, bend = measure(lat)
        wide, high = halves(per_lon, per_lat, bend, reach[row])
        best, nearest, next_ = np.int64(-1), np.inf, np.inf
        i0, i1 = np.int64(math.floor((lat - high) / size)), np.int64(math.floor((lat + high) / size))
        j0, j1 = np.int64(math.floor((lon - wide) / size)), np.int64(math.floor((lon + wide) / size))
        for i in range(i0, i1 + 1):
            for j in range(j0, j1 + 1):
                slot = _slot(i, j, asked[row], mask)
                for k in range(starts[slot], starts[slot + 1]):
                    if group[k] != asked[row]:
                        continue
                    x, y = xy[k, 0], xy[k, 1]
                    if np.int64(math.floor(y / size)) != i or np.int64(math.floor(x / size)) != j:
                        continue
                    ay = (y - lat) * per_lat
                    dx = (x - lon) * per_lon * (1.0 + bend * ay)
                    distance = math.sqrt(dx * dx + ay * ay)
                    if distance > reach[row]:
                        continue
                    feature = features[member[k]]
                    if distance < nearest or (distance == nearest and feature < best):
                        best, nearest, next_ = feature, distance, nearest
                    else:
                        next_ = min(next_, distance)
        index[row], least[row], second[row] = best, nearest, next_


@dataclass(frozen=True, slots=True)
class Scattered:
    """n points in cells of one size. `starts` (s + 1,) by slot; `xy` (n, 2), `group` (n,), `member` (n,) by slot."""

    size: float
    starts: Ints
    xy: Floats
    group: Ints
    member: Ints
    features: Indices

    @classmethod
    def build(cls, level: int, places: Floats, groups: Ints, features: Indices) -> Self:
        """Points `places` (n, 2) lon/lat of the classes `groups` (n,); hits name them by `features` (n,)."""
        slots = 1 << max(4, int(max(len(places), 1) - 1).bit_length())
        starts, member = np.zeros(slots + 1, dtype=np.int32), np.empty(len(places), dtype=np.int32)
        xy, group = np.empty((len(places), 2)), np.empty(len(places), dtype=np.int32)
        size = FINEST_DEG * FACTOR**level
        _fill(frozen(places), frozen(groups), size, starts, xy, group, member)
        return cls(size, *(frozen(each) for each in (starts, xy, group, member, features)))

    @classmethod
    def of(cls, level: int, arrays: dict[str, NDArray[Any]], features: Indices) -> Self:
        """With the arrays of another one, which were written to a file for instance."""
        return cls(FINEST_DEG * FACTOR**level, *(frozen(each) for each in (*arrays.values(), features)))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Those that `of` takes."""
        return {"starts": self.starts, "xy": self.xy, "group": self.group, "member": self.member}

    def all(self, lonlat: Floats, asked: Ints, reach: Floats, rows: Indices) -> Hits:
        """Every point of the class asked within reach: (row, feature, metres), in the order of rows, then by metres."""
        parts: list[tuple[NDArray[Any], ...]] = []
        begin, room = 0, max(ROOM, 2 * len(rows))
        while begin < len(rows):
            out = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int64), np.empty(room)
            ended, count = _all(
                begin, lonlat, asked, reach, rows, self.size, self.starts, self.xy, self.group, self.member,
                self.features, *out,
            )  # fmt: skip
            parts.append(tuple(each[:count] for each in out))
            room = room if ended > begin else 2 * room  # the hits of one row alone did not fit
            begin = ended
        if len(parts) == 1:
            return parts[0][0], parts[0][1], parts[0][2]
        none = np.empty(0, dtype=np.int64)
        point, feature, metres = zip((none, none, np.empty(0)), *parts, strict=True)
        return np.concatenate(point), np.concatenate(feature), np.concatenate(metres)

    def two(
        self, lonlat: Floats, asked: Ints, reach: Floats, rows: Indices, index: Indices, least: Floats, second: Floats
    ) -> None:
        """Write the nearest of each row, its metres and those of the second nearest into the arrays (m,)."""
        _two(
            lonlat, asked, reach, rows, self.size, self.starts, self.xy, self.group, self.member, self.features,
            index, least, second,
        )  # fmt: skip
