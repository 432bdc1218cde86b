"""Protobuf's variable-length integers, and room to write them.

Compiled into every caller: numba's cache does not notice a change here, so delete `__pycache__` of `tiles` after one.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


@njit(cache=True, nogil=True)
def put(buffer: Bytes, at: int, number: int) -> int:
    """Write a varint of a number >= 0 and return where the next byte goes."""
    while number >= 128:
        buffer[at] = number & 127 | 128
        number >>= 7
        at += 1
    buffer[at] = number
    return at + 1


@njit(cache=True, nogil=True)
def put_signed(buffer: Bytes, at: int, number: int) -> int:
    """Write a varint of a number of either sign, zigzag encoded, and return where the next byte goes."""
    return put(buffer, at, (number << 1) ^ (number >> 63))


@njit(cache=True, nogil=True)
def width(number: int) -> int:
    """Bytes that the varint of a number >= 0 takes."""
    count = 1
    while number >= 128:
        number >>= 7
        count += 1
    return count


@njit(cache=True, nogil=True)
def room(buffer: Bytes, at: int, need: int) -> Bytes:
    """The buffer, or a larger copy of it, that has `need` bytes free from `at`."""
    if at + need <= len(buffer):
        return buffer
    larger = np.empty(2 * (at + need), np.uint8)
    larger[:at] = buffer[:at]
    return larger


def varint(number: int) -> bytes:
    """The varint of a number >= 0, of any size."""
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def member(field: int, body: bytes) -> bytes:
    """A length-delimited protobuf member."""
    return varint(field << 3 | 2) + varint(len(body)) + body
