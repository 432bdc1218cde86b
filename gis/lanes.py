"""The nearest of a path's edges, four or eight edges at a time.

Written in the language of LLVM, which every platform's compiler cuts to the vectors it has. Every operation on a float
is rounded on its own, so that the result is that of the plain formula (`gis.metres.edge_distance`) on every platform:
a test compares them bit by bit. Left to itself the compiler takes the edges that fill no vector one by one, and those
take longer than all others: here the last ones are taken together with some before them, which changes no least one.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LONG, DOUBLE, BIT32 = ir.IntType(64), ir.DoubleType(), ir.IntType(32)
SHORTEST_M2 = 1e-300
"""Squared length below which an edge is a point."""


def _least(lanes: int) -> Any:
    """The intrinsic for `lanes` edges at a time."""

    def least(typing_context: Any, values: Any, at: Any, edges: Any, measure: Any) -> Any:
        """Least square metres to the `edges` (>= lanes) edges of the path x, y, x, y … that begins at values[at].

        `measure` is lon, lat, per_lon, per_lat, bend of the point, float64 each.
        """

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            point = [builder.extract_value(arguments[3], k) for k in range(5)]
            return _loop(builder, builder.gep(data, [arguments[1]]), arguments[2], point, lanes)

        return types.float64(values, types.int64, types.int64, types.UniTuple(types.float64, 5)), generate  # type: ignore[no-untyped-call]

    return least


least_of_4: Any = intrinsic(_least(4))
least_of_8: Any = intrinsic(_least(8))


def _loop(builder: Any, path: Any, edges: Any, point: list[Any], lanes: int) -> Any:
    """Instructions for all edges; the last vector begins so early that it ends with the last edge."""
    kind = ir.VectorType(DOUBLE, lanes)
    lon, lat, per_lon, per_lat, bend = (_everywhere(builder, each, kind) for each in point)
    best = cgutils.alloca_once_value(builder, ir.Constant(kind, [float("inf")] * lanes))  # type: ignore[no-untyped-call]
    step, last = LONG(lanes), builder.sub(edges, LONG(lanes))
    rounds = builder.sdiv(builder.add(edges, LONG(lanes - 1)), step)
    with cgutils.for_range(builder, rounds) as loop:
        first = builder.mul(loop.index, step)
        first = builder.select(builder.icmp_signed("<", first, last), first, last)
        place = builder.gep(path, [builder.shl(first, LONG(1))])
        ax, ay = _coordinates(builder, place, kind)
        bx, by = _coordinates(builder, builder.gep(place, [LONG(2)]), kind)
        ax, ay = _metres(builder, ax, lon, per_lon), _metres(builder, ay, lat, per_lat)
        bx, by = _metres(builder, bx, lon, per_lon), _metres(builder, by, lat, per_lat)
        square = _square(builder, ax, ay, builder.fsub(bx, ax), builder.fsub(by, ay), bend)
        builder.store(_smaller(builder, square, builder.load(best)), best)
    return _least_lane(builder, builder.load(best), lanes)


def _square(builder: Any, ax: Any, ay: Any, ux: Any, uy: Any, bend: Any) -> Any:
    """Square metres from the point to the edge from a in the direction u."""
    kind = ax.type
    nought, one = _constant(kind, 0.0), _constant(kind, 1.0)
    mul, add = builder.fmul, builder.fadd
    length = _larger(builder, add(mul(ux, ux), mul(uy, uy)), _constant(kind, SHORTEST_M2))
    share = builder.fdiv(builder.fneg(add(mul(ax, ux), mul(ay, uy))), length)
    share = _smaller(builder, _larger(builder, share, nought), one)
    nx, ny = add(ax, mul(ux, share)), add(ay, mul(uy, share))
    dx = mul(nx, add(one, mul(bend, ny)))
    return add(mul(dx, dx), mul(ny, ny))


def _metres(builder: Any, degrees: Any, origin: Any, per_degree: Any) -> Any:
    return builder.fmul(builder.fsub(degrees, origin), per_degree)


def _coordinates(builder: Any, place: Any, kind: Any) -> tuple[Any, Any]:
    """x and y of as many places as there are lanes, in an order that needs no crossing of halves."""
    pairs = ir.VectorType(DOUBLE, 2 * kind.count)
    both = builder.load(builder.bitcast(place, pairs.as_pointer()), align=8)
    order = [8 * (lane // 4) + (0, 4, 2, 6)[lane % 4] for lane in range(kind.count)]
    across, up = (ir.Constant(ir.VectorType(BIT32, kind.count), [k + side for k in order]) for side in (0, 1))
    return builder.shuffle_vector(both, both, across), builder.shuffle_vector(both, both, up)


def _smaller(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", one, other), one, other)


def _larger(builder: Any, one: Any, other: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def _least_lane(builder: Any, vector: Any, lanes: int) -> Any:
    least = builder.extract_element(vector, BIT32(0))
    for lane in range(1, lanes):
        least = _smaller(builder, builder.extract_element(vector, BIT32(lane)), least)
    return least


def _everywhere(builder: Any, value: Any, kind: Any) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, BIT32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(BIT32, kind.count), [0] * kind.count))


def _constant(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * kind.count)
