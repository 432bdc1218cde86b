"""Heaps of lines, what is written to them, and that nothing else is ever taken for it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gis.heap.lines import LINE_BYTES, WORDS, Damaged, FileHeap, Heap, HeapFull, MemoryHeap, lines_of
from gis.heap.records import get_arrays, get_columns, put_arrays, put_columns, seal, unseal

AGAIN = [HealthCheck.function_scoped_fixture]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
ARRAYS = arrays.arrays(
    st.sampled_from([np.uint8, np.int32, np.int64, np.float32, np.float64]),
    arrays.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=40),
)


def heaps(folder: Path) -> list[Heap]:
    return [MemoryHeap(2), FileHeap.create(folder / "heap", 1 << 12)]


# What is appended


@settings(max_examples=100, deadline=None, suppress_health_check=AGAIN)
@given(st.lists(ARRAYS, max_size=6))
def test_what_is_appended_lies_at_lines_and_stays_as_it_was(tmp_path: Path, parts: list[Any]) -> None:
    for heap in heaps(tmp_path):
        first = heap.append(*parts[:3])
        held = heap.words
        lines = first + heap.append(*parts[3:])
        assert heap.words.ctypes.data % LINE_BYTES == 0
        assert lines == [1 + sum(lines_of(each.nbytes) for each in parts[:k]) for k in range(len(parts))]
        assert heap.used == 1 + sum(lines_of(each.nbytes) for each in parts)
        for words, number in ((heap.words, len(parts)), (held, min(3, len(parts)))):
            for line, part in list(zip(lines, parts, strict=True))[:number]:
                assert words[line * WORDS :].view(np.uint8)[: part.nbytes].tobytes() == part.tobytes()
        with pytest.raises(ValueError, match="read-only"):
            heap.words[0] = 1


def test_whoever_maps_a_file_sees_what_is_appended_later(tmp_path: Path) -> None:
    heap = FileHeap.create(tmp_path / "heap", 100)
    reader = FileHeap.open(tmp_path / "heap")
    (line,) = heap.append(np.arange(40, dtype=np.int32))
    assert reader.words[line * WORDS :][:40].tolist() == list(range(40))


def test_a_writer_goes_on_behind_what_counts(tmp_path: Path) -> None:
    heap = FileHeap.create(tmp_path / "heap", 100)
    heap.append(np.full(16, 1, np.int32), np.full(16, 2, np.int32))
    heap.close()
    again = FileHeap.open(tmp_path / "heap", 2)  # the second line counts no more
    assert again.append(np.full(20, 3, np.int32)) == [2]
    assert again.words[WORDS : 5 * WORDS].tolist() == [1] * 16 + [3] * 20 + [0] * 28


def test_a_heap_without_room_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    heap = FileHeap.create(tmp_path / "heap", 4)
    heap.append(np.full(32, 7, np.int32))
    with pytest.raises(HeapFull):
        heap.append(np.zeros(1, np.int32), np.zeros(1, np.int32))
    assert heap.append(np.full(1, 8, np.int32)) == [3]
    assert heap.words[WORDS:][:33].tolist() == [7] * 32 + [8]


def test_who_lets_go_of_a_file_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    FileHeap.create(tmp_path / "heap", 10).close()
    before = opened()
    for _ in range(20):
        FileHeap.open(tmp_path / "heap")
        FileHeap.open(tmp_path / "heap", 1)
        with pytest.raises(Damaged):
            FileHeap.open(Path("/dev/null"))
    assert opened() == before


# Records, arrays, columns


@settings(max_examples=100, deadline=None, suppress_health_check=AGAIN)
@given(JSON, st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4))
def test_records_and_arrays_come_back_as_written(tmp_path: Path, content: Any, parts: dict[str, Any]) -> None:
    for heap in heaps(tmp_path):
        told = put_arrays(heap, parts)
        line = seal(heap, {"content": content, "told": told})
        back = unseal(heap, line)
        assert back["content"] == content
        for name, array in get_arrays(heap, back["told"]).items():
            assert (array.dtype, array.shape) == (parts[name].dtype, parts[name].shape)
            assert array.tobytes() == parts[name].tobytes()
            assert not array.flags.writeable


@settings(max_examples=100, deadline=None, suppress_health_check=AGAIN)
@given(st.lists(st.tuples(st.none() | st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False)), max_size=30))
def test_columns_come_back_as_written(tmp_path: Path, rows: list[tuple[str | None, float]]) -> None:
    texts = pa.array([text for text, _ in rows], pa.string())
    columns = {"text": texts, "few": texts.dictionary_encode(), "number": pa.array([n for _, n in rows], pa.float64())}
    for heap in heaps(tmp_path):
        line = put_columns(heap, columns)
        back = get_columns(heap, line)
        assert list(back) == list(columns)
        for name, column in columns.items():
            assert back[name].type == column.type
            assert back[name].to_pylist() == column.to_pylist()


@settings(max_examples=200, deadline=None)
@given(JSON, st.data())
def test_a_record_with_any_other_bit_is_damaged(content: Any, data: st.DataObject) -> None:
    heap = MemoryHeap()
    line = seal(heap, content)
    size = 16 + int(heap.words[line * WORDS + 2])
    place = data.draw(st.integers(0, size - 1))
    held = heap._words.view(np.uint8)
    held[line * LINE_BYTES + place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(Damaged):
        unseal(heap, line)


@pytest.mark.parametrize("line", [0, -1, 1, 10**6, 2**40 - 1])
def test_there_is_no_record_where_none_was_written(line: int) -> None:
    heap = MemoryHeap(64)
    heap.append(np.zeros(64, np.int32))
    with pytest.raises(Damaged):
        unseal(heap, line)
