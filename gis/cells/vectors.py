"""The two things of the fast path that Python cannot say: asking for memory ahead, and eight lanes at a time.

Both are written in the language of LLVM, which every platform's compiler cuts to the vectors it has (4 lanes of SSE2 or
NEON, 8 of AVX2). Every operation on a float is rounded on its own, so that the results are the same everywhere: a test
compares them with the same formulas in plain code.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from gis.cells.layout import EDGES_A_LINE
from gis.cells.records import BESIDE_EDGE, BESIDE_WAY

LANES = 8  # of which the first EDGES_A_LINE count
WORD, HALF, FLOAT = ir.IntType(32), ir.IntType(16), ir.FloatType()
WORDS, HALVES, FLOATS = (ir.VectorType(each, LANES) for each in (WORD, HALF, FLOAT))


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line of array[index], without waiting; a hint on every platform."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte = ir.IntType(8).as_pointer()
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        hint = _declared(builder, "llvm.prefetch.p0", ir.VoidType(), byte, WORD, WORD, WORD)
        builder.call(hint, [place, WORD(0), WORD(3), WORD(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = intrinsic(_prefetch)


def _cross_line(typing_context: Any, lines: Any, word: Any, px: Any, py: Any) -> Any:
    """XOR (int32) of the words of the edges that the way from P to R crosses, and whether that is unsure (bool).

    For the line that begins at lines[word], with the formulas and bounds of `gis.cells.records`: `lines` int32, `word`
    int64, `px` and `py` float32 quanta from R.
    """
    result = types.Tuple((types.int32, types.boolean))  # type: ignore[no-untyped-call]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        changes, unsure = _cross(builder, builder.gep(data, [arguments[1]]), arguments[2], arguments[3])
        return context.make_tuple(builder, signature.return_type, [changes, unsure])

    return result(lines, types.int64, types.float32, types.float32), generate


cross_line: Any = intrinsic(_cross_line)


def _cross(builder: Any, line: Any, px: Any, py: Any) -> tuple[Any, Any]:
    """Instructions for one line at a pointer to its words."""
    px, py = _everywhere(builder, px), _everywhere(builder, py)
    ax, bx, ay, by = (_ends(builder, line, 2 + EDGES_A_LINE * part) for part in range(4))

    def turn(ux: Any, uy: Any, vx: Any, vy: Any) -> Any:
        return builder.fsub(builder.fmul(ux, vy), builder.fmul(uy, vx))

    def is_positive(value: Any) -> Any:
        return builder.fcmp_ordered(">", value, ir.Constant(FLOATS, [0.0] * LANES))

    def is_below(value: Any, bound: Any) -> Any:
        magnitude = _declared(builder, f"llvm.fabs.v{LANES}f32", FLOATS, FLOATS)
        return builder.fcmp_ordered("<", builder.call(magnitude, [value]), ir.Constant(FLOATS, [float(bound)] * LANES))

    way_a, way_b, edge_r = turn(px, py, ax, ay), turn(px, py, bx, by), turn(ax, ay, bx, by)
    edge_p = builder.fadd(builder.fsub(way_a, way_b), edge_r)
    apart = builder.xor(is_positive(way_a), is_positive(way_b))
    between = builder.xor(is_positive(edge_p), is_positive(edge_r))
    doubt_apart = builder.or_(is_below(way_a, BESIDE_WAY), is_below(way_b, BESIDE_WAY))
    doubt_between = builder.or_(is_below(edge_p, BESIDE_EDGE), is_below(edge_r, BESIDE_EDGE))
    either = builder.and_(builder.or_(apart, doubt_apart), builder.or_(between, doubt_between))
    doubt = builder.and_(either, builder.or_(doubt_apart, doubt_between))
    live = ir.Constant(ir.VectorType(ir.IntType(1), LANES), [int(lane < EDGES_A_LINE) for lane in range(LANES)])
    crossed = builder.and_(builder.and_(apart, between), live)
    changed = builder.select(crossed, _words(builder, line), ir.Constant(WORDS, [0] * LANES))
    fold = _declared(builder, f"llvm.vector.reduce.xor.v{LANES}i32", WORD, WORDS)
    byte = builder.bitcast(builder.and_(doubt, live), ir.IntType(LANES))
    return builder.call(fold, [changed]), builder.icmp_unsigned("!=", byte, ir.Constant(ir.IntType(LANES), 0))


def _declared(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """An intrinsic function of LLVM."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)  # type: ignore[no-untyped-call]


def _everywhere(builder: Any, value: Any) -> Any:
    """One float32 in all lanes."""
    one = builder.insert_element(ir.Constant(FLOATS, ir.Undefined), value, WORD(0))
    return builder.shuffle_vector(one, one, ir.Constant(WORDS, [0] * LANES))


def _ends(builder: Any, line: Any, half: int) -> Any:
    """Eight int16 of a line from a place on, as float32; what follows the first five is not looked at."""
    halves = builder.bitcast(line, HALF.as_pointer())
    place = builder.bitcast(builder.gep(halves, [WORD(half)]), HALVES.as_pointer())
    return builder.sitofp(builder.load(place, align=2), FLOATS)


def _words(builder: Any, line: Any) -> Any:
    """The XOR words of a line in the first lanes. They are its last five words: eight are loaded and turned."""
    place = builder.bitcast(builder.gep(line, [WORD(LANES)]), WORDS.as_pointer())
    loaded = builder.load(place, align=4)
    return builder.shuffle_vector(loaded, loaded, ir.Constant(WORDS, [(lane + 3) % LANES for lane in range(LANES)]))
