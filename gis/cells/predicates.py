"""On which side of a line a point lies, decided exactly for any finite doubles, and what follows from that.

`orient` first computes in float64. Shewchuk (Adaptive Precision Floating-Point Arithmetic and Fast Robust Geometric
Predicates, 1997, section 4.4) shows that the sign is right when the determinant exceeds (3 + 16e)e times the sum of
the magnitudes of its two products, e = 2^-53, as long as nothing underflows. Otherwise the six products of the
expanded determinant are summed without rounding: as an expansion of doubles where no product can underflow or
overflow, else in a fixed-point accumulator that is as wide as all products of doubles.
"""

import math
from typing import Any

import numpy as np
from numba import njit

FILTER = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
UNDERFLOW = 1e-290  # a product may lose this much where it is subnormal; far below any determinant that matters
SPLITTER = 2.0**27 + 1.0
MODERATE = 2.0**300  # products of numbers between 1/MODERATE and MODERATE keep all their bits
LOWEST_BIT = 2 * (1074 + 53)  # no bit of a product of two doubles weighs less than 2^-LOWEST_BIT
LIMBS = (LOWEST_BIT + 2 * 1024) // 16 + 8  # of 16 bits each


@njit(cache=True, nogil=True, forceinline=True)
def _product(a: float, b: float) -> tuple[float, float]:
    """a * b as the sum of the rounded product and its exact error (Dekker)."""
    product = a * b
    c = SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


@njit(cache=True, nogil=True)
def _expansion_sign(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """Sign of ax*by - ax*cy - cx*by - ay*bx + ay*cx + cy*bx, grown term by term without rounding."""
    parts = np.zeros(12)
    count = 0
    for term in range(6):
        if term == 0:
            high, low = _product(ax, by)
        elif term == 1:
            high, low = _product(-ax, cy)
        elif term == 2:
            high, low = _product(-cx, by)
        elif term == 3:
            high, low = _product(-ay, bx)
        elif term == 4:
            high, low = _product(ay, cx)
        else:
            high, low = _product(cy, bx)
        for half in range(2):
            carried = low if half == 0 else high
            for k in range(count):
                total = carried + parts[k]
                other = total - carried
                parts[k] = (carried - (total - other)) + (parts[k] - other)
                carried = total
            parts[count] = carried
            count += 1
    for k in range(count - 1, -1, -1):  # parts do not overlap: the greatest that is not zero has the sign
        if parts[k] != 0.0:
            return 1 if parts[k] > 0.0 else -1
    return 0


@njit(cache=True, nogil=True)
def _accumulate(limbs: Any, a: float, b: float, sign: int) -> None:
    """Add sign * a * b to a fixed-point number whose limb k weighs 2^(16k - LOWEST_BIT)."""
    fraction, exponent = math.frexp(a)
    other_fraction, other_exponent = math.frexp(b)
    left, right = np.int64(fraction * 2.0**53), np.int64(other_fraction * 2.0**53)
    if (left < 0) != (right < 0):
        sign = -sign
    left, right = abs(left), abs(right)
    for i in range(2):
        part = left & 0x7FFFFFF if i == 0 else left >> 27
        for j in range(2):
            product = part * (right & 0x7FFFFFF if j == 0 else right >> 27)
            bit = exponent + other_exponent - 106 + 27 * (i + j) + LOWEST_BIT
            for k in range(2):
                place = bit + 27 * k
                piece = product & 0x7FFFFFF if k == 0 else product >> 27
                limbs[place >> 4] += sign * (piece << (place & 15))


@njit(cache=True, nogil=True)
def _wide_sign(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """The same sign for numbers of any size, subnormal ones too."""
    limbs = np.zeros(LIMBS, dtype=np.int64)
    _accumulate(limbs, ax, by, 1)
    _accumulate(limbs, ax, cy, -1)
    _accumulate(limbs, cx, by, -1)
    _accumulate(limbs, ay, bx, -1)
    _accumulate(limbs, ay, cx, 1)
    _accumulate(limbs, cy, bx, 1)
    found = 0
    for k in range(LIMBS - 1):
        limbs[k + 1] += limbs[k] >> 16  # an arithmetic shift: the limb that stays is not negative
        if limbs[k] & 0xFFFF:
            found = 1
    return -1 if limbs[LIMBS - 1] < 0 else found


@njit(cache=True, nogil=True)
def _is_moderate(value: float) -> bool:
    return value == 0.0 or 1.0 / MODERATE < abs(value) < MODERATE


@njit(cache=True, nogil=True)
def orient_exactly(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """`orient` without the filter."""
    first = _is_moderate(ax) and _is_moderate(ay) and _is_moderate(bx)
    if first and _is_moderate(by) and _is_moderate(cx) and _is_moderate(cy):
        return _expansion_sign(ax, ay, bx, by, cx, cy)
    return _wide_sign(ax, ay, bx, by, cx, cy)


@njit(cache=True, nogil=True, forceinline=True)
def orient(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> int:
    """1 where c lies left of the line from a to b, -1 right of it, 0 on it. Exact for finite coordinates."""
    left = (ax - cx) * (by - cy)
    right = (ay - cy) * (bx - cx)
    determinant = left - right
    if abs(determinant) > FILTER * (abs(left) + abs(right)) + UNDERFLOW:
        return 1 if determinant > 0.0 else -1
    return orient_exactly(ax, ay, bx, by, cx, cy)


@njit(cache=True, nogil=True, forceinline=True)
def is_on(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether p lies on the closed edge from a to b, exactly."""
    if min(ax, bx) <= px <= max(ax, bx) and min(ay, by) <= py <= max(ay, by):
        return orient(ax, ay, bx, by, px, py) == 0
    return False


@njit(cache=True, nogil=True)
def crosses(px: float, py: float, rx: float, ry: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether the edge from a to b counts as crossed on the way from p to r, neither of which lies on it.

    A node on the way counts as left of it. So the way through a node crosses one of two edges that go on to the other
    side and none or both of two that turn back, and the parity over a ring says whether p and r are separated by it.
    """
    if (orient(px, py, rx, ry, ax, ay) >= 0) == (orient(px, py, rx, ry, bx, by) >= 0):
        return False
    return (orient(ax, ay, bx, by, px, py) > 0) != (orient(ax, ay, bx, by, rx, ry) > 0)


@njit(cache=True, nogil=True, forceinline=True)
def is_east(px: float, py: float, ax: float, ay: float, bx: float, by: float) -> bool:
    """Whether the ray from p to the east crosses the edge from a to b, on which p does not lie."""
    if (ay > py) == (by > py):
        return False
    return (orient(ax, ay, bx, by, px, py) > 0) == (by > ay)
