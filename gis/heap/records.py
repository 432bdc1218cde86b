"""What is written to a heap besides the blocks of an index: sealed records, and arrays that are mapped as they are."""

import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from gis.heap.lines import LINE_BYTES, WORDS, Damaged, Heap, frozen, lines_of

_HEAD = struct.Struct("<4sIQ")  # mark, CRC-32, bytes that follow
_MARK = b"rec\0"

Told = dict[str, list[Any]]
"""Where arrays are: by name [line, dtype, shape]."""


def seal(heap: Heap, content: Any) -> int:
    """Write a record of JSON values; its line."""
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    record = _HEAD.pack(_MARK, zlib.crc32(body), len(body)) + body
    return heap.append(np.frombuffer(record, dtype=np.uint8))[0]


def unseal(heap: Heap, line: int) -> Any:
    """The content of the record at a line. Errors: Damaged when there is none, or another than was written."""
    return orjson.loads(_body(heap, line))


def end_of(heap: Heap, line: int) -> int:
    """The first line behind the record at a line. Errors: Damaged."""
    return line + lines_of(_HEAD.size + len(_body(heap, line)))


def _body(heap: Heap, line: int) -> memoryview:
    held = heap.words.data.cast("B")
    start = line * LINE_BYTES
    if not 0 < start <= len(held) - LINE_BYTES:
        raise Damaged("a record lies outside its file")
    mark, checksum, size = _HEAD.unpack_from(held, start)
    body = held[start + _HEAD.size : start + _HEAD.size + size]
    if mark != _MARK or len(body) != size or zlib.crc32(body) != checksum:
        raise Damaged("a record is not what was written")
    return body


def put_arrays(heap: Heap, arrays: Mapping[str, NDArray[Any]]) -> Told:
    """Write arrays of numbers; where they are."""
    lines = heap.append(*arrays.values())
    return {
        name: [line, array.dtype.str, list(array.shape)]
        for line, (name, array) in zip(lines, arrays.items(), strict=True)
    }


def get_array(heap: Heap, told: list[Any]) -> NDArray[Any]:
    """The array that was written, read-only and not copied."""
    line, dtype, shape = told
    count = int(np.prod(shape, dtype=np.int64))
    held = heap.words[line * WORDS :].view(np.uint8)[: count * np.dtype(dtype).itemsize]
    return frozen(held.view(dtype).reshape(shape))


def get_arrays(heap: Heap, told: Told) -> dict[str, NDArray[Any]]:
    """All of them, by name."""
    return {name: get_array(heap, each) for name, each in told.items()}


def put_columns(heap: Heap, columns: Mapping[str, pa.Array]) -> int:
    """Write columns of the same length as an Arrow stream; its line."""
    batch = pa.record_batch(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return heap.append(np.frombuffer(sink.getvalue(), dtype=np.uint8))[0]


def get_columns(heap: Heap, line: int) -> dict[str, pa.Array]:
    """The columns at a line, by name; texts are read where they lie."""
    held = pa.py_buffer(heap.words[line * WORDS :].data)
    with pa.ipc.open_stream(held) as stream:
        batch = stream.read_next_batch()
    return {name: batch.column(name) for name in batch.schema.names}
