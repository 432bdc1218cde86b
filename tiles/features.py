"""The features of one tile as protobuf: ids, tags into the layer's values, and the geometry commands already drawn."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tiles.varints import Bytes, put, room, width


@njit(cache=True, nogil=True)
def write_features(
    uids: NDArray[np.int64],
    kinds: NDArray[np.uint8],
    codes: NDArray[np.int32],
    value_count: int,
    commands: Bytes,
    starts: NDArray[np.int64],
) -> tuple[Bytes, NDArray[np.int64]]:
    """The `features` members of a layer, and which values (u,) int64 its `values` must be, in that order.

    Feature i has the uid and kind i, the geometry `commands[starts[i]:starts[i + 1]]`, and for key j the value
    `codes[i, j]`, below `value_count`, or none where that is negative.
    """
    count, keys = codes.shape
    tags = np.empty(20 * keys, np.uint8)
    most = min(count * keys, value_count)
    used = np.empty(most, np.int64)
    slots = _slots(most)
    features = np.empty(len(commands) + 48 * count, np.uint8)
    at = 0
    used_count = 0
    for i in range(count):
        tag_size = 0
        for key in range(keys):
            code = int(codes[i, key])
            if code >= 0:
                number = _number(slots, used, used_count, code)
                used_count = max(used_count, number + 1)
                tag_size = put(tags, tag_size, key)
                tag_size = put(tags, tag_size, number)
        geometry = commands[starts[i] : starts[i + 1]]
        features = room(features, at, len(geometry) + tag_size + 40)
        at = _put_feature(features, at, int(uids[i]), tags[:tag_size], int(kinds[i]), geometry)
    return features[:at], used[:used_count]


@njit(cache=True, nogil=True)
def gather(table: Bytes, starts: NDArray[np.int64], used: NDArray[np.int64]) -> Bytes:
    """The items `table[starts[i]:starts[i + 1]]` for each i in `used`, one after another."""
    size = 0
    for i in used:
        size += starts[i + 1] - starts[i]
    out = np.empty(size, np.uint8)
    at = 0
    for i in used:
        for k in range(starts[i], starts[i + 1]):
            out[at] = table[k]
            at += 1
    return out


@njit(cache=True, nogil=True)
def _put_feature(buffer: Bytes, at: int, uid: int, tags: Bytes, kind: int, geometry: Bytes) -> int:
    body = 1 + width(uid) + 2 + 1 + width(len(geometry)) + len(geometry)
    if len(tags) > 0:
        body += 1 + width(len(tags)) + len(tags)
    buffer[at] = 0x12  # layer.features
    at = put(buffer, at + 1, body)
    buffer[at] = 0x08  # feature.id
    at = put(buffer, at + 1, uid)
    if len(tags) > 0:
        buffer[at] = 0x12  # feature.tags
        at = put(buffer, at + 1, len(tags))
        buffer[at : at + len(tags)] = tags
        at += len(tags)
    buffer[at] = 0x18  # feature.type
    buffer[at + 1] = kind
    buffer[at + 2] = 0x22  # feature.geometry
    at = put(buffer, at + 3, len(geometry))
    buffer[at : at + len(geometry)] = geometry
    return at + len(geometry)


@njit(cache=True, nogil=True)
def _slots(most: int) -> NDArray[np.int32]:
    """An empty hash table for at most so many values: a power of two, half of it free."""
    size = 16
    while size < 2 * most:
        size *= 2
    return np.full(size, -1, np.int32)


@njit(cache=True, nogil=True)
def _number(slots: NDArray[np.int32], used: NDArray[np.int64], count: int, code: int) -> int:
    """The layer's number of a value: that of its first use, or `count`, which it then has."""
    mask = len(slots) - 1
    slot = ((code * 2654435761) >> 12) & mask
    while slots[slot] >= 0:
        if used[slots[slot]] == code:
            return int(slots[slot])
        slot = (slot + 1) & mask
    slots[slot] = count
    used[count] = code
    return count
