"""A heap: lines of 64 bytes that are appended and never changed, in memory or in a file that many processes map.

Who reads a heap sees it as one array of int32 words, 16 a line; a place in it is a line number, or the number of an
8-byte word for what is smaller. Line 0 is the heap's own, so that 0 can stand for nothing.

A file is as long as its capacity from the beginning, and sparse, so that a mapping of it never ends too early. It is
written with pwrite and not through the mapping: a full disk is then an error and not a signal.
"""

import mmap
import os
import weakref
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gis.errors import Refusal, refuse

LINE_BYTES = 64
WORDS = 16  # int32 in a line
MAGIC = b"wangge heap 1\n\0\0"  # a change of any layout below it changes the number
PIECES = 512  # given to the system at once

Words = NDArray[np.int32]


class HeapFull(Exception):
    """The file has no room left: what lives in it must move to a new one."""


class Damaged(Exception):
    """What is in a file is not what was written to it, or was written by another version."""


class Heap(Protocol):
    """What may be appended to."""

    @property
    def words(self) -> Words:
        """All lines as int32, read-only; the first at an address that 64 divides."""

    @property
    def used(self) -> int:
        """Lines that were written."""

    def append(self, *arrays: NDArray[Any]) -> list[int]:
        """Write arrays, each from its own line on; the line of each. What was read before stays readable."""


def lines_of(size: int) -> int:
    """Lines that so many bytes take."""
    return -(-size // LINE_BYTES)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view."""
    view = array.view()
    view.flags.writeable = False
    return view


def _bytes_of(array: NDArray[Any]) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class MemoryHeap:
    """A heap of this process alone. `expected` lines are room that costs nothing until it is written to."""

    def __init__(self, expected: int = 64) -> None:
        self._words = _aligned(max(expected, 2))
        self.used = 1

    @property
    def words(self) -> Words:
        return frozen(self._words)

    def append(self, *arrays: NDArray[Any]) -> list[int]:
        parts = [_bytes_of(each) for each in arrays]
        starts = list(accumulate((lines_of(len(each)) for each in parts), initial=self.used))
        if starts[-1] * WORDS > len(self._words):
            larger = _aligned(max(starts[-1], 2 * len(self._words) // WORDS))
            larger[: self.used * WORDS] = self._words[: self.used * WORDS]
            self._words = larger  # whoever holds the former array keeps all that was in it
        held = self._words.view(np.uint8)
        for start, part in zip(starts, parts, strict=False):
            held[start * LINE_BYTES : start * LINE_BYTES + len(part)] = part
        self.used = starts.pop()
        return starts


def _aligned(lines: int) -> Words:
    spare = np.zeros((lines + 1) * LINE_BYTES, dtype=np.uint8)
    start = -spare.ctypes.data % LINE_BYTES
    return spare[start : start + lines * LINE_BYTES].view(np.int32)


class FileHeap:
    """A heap in a file. Only one process at a time may append (`gis.heap.folder` sees to that); any number may read."""

    def __init__(self, path: Path, descriptor: int, capacity: int, used: int) -> None:
        self.path, self.capacity, self.used = path, capacity, used
        self.checksum = 0
        """CRC-32 of all that was appended, on top of what it was last set to."""
        self._inode = os.fstat(descriptor).st_ino
        mapped = mmap.mmap(descriptor, capacity * LINE_BYTES, mmap.MAP_SHARED, mmap.PROT_READ)
        self.words: Words = np.frombuffer(mapped, dtype=np.int32)
        self.descriptor = descriptor
        self._end = weakref.finalize(self, os.close, descriptor)  # ours to close, now that all went well

    @classmethod
    def create(cls, path: Path, capacity: int) -> Self:
        """A new file with room for `capacity` lines. Errors: Refusal world_unwritable, and then there is no file."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            os.ftruncate(descriptor, capacity * LINE_BYTES)
            os.pwrite(descriptor, MAGIC, 0)
            return cls(path, descriptor, capacity, 1)
        except OSError as error:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise unwritable(path, error) from error

    @classmethod
    def open(cls, path: Path, used: int = 0) -> Self:
        """An existing file, to read; to append too when `used` says how many lines of it hold something.

        Errors: Damaged when it is no heap of this version, or cannot be read; FileNotFoundError;
        Refusal world_unwritable.
        """
        try:
            descriptor = os.open(path, os.O_RDWR if used else os.O_RDONLY)
        except FileNotFoundError:
            raise
        except OSError as error:
            if used:
                raise unwritable(path, error) from error
            raise Damaged(f"{path.name} cannot be read: {error.strerror}") from error
        try:
            size = os.fstat(descriptor).st_size
            if size < 2 * LINE_BYTES or size % LINE_BYTES or os.pread(descriptor, len(MAGIC), 0) != MAGIC:
                raise Damaged(f"{path.name} is no heap of this version")
            return cls(path, descriptor, size // LINE_BYTES, used)
        except OSError as error:
            os.close(descriptor)
            raise Damaged(f"{path.name} cannot be read: {error.strerror}") from error
        except Damaged:
            os.close(descriptor)
            raise

    def append(self, *arrays: NDArray[Any]) -> list[int]:
        """Errors: HeapFull; Refusal world_unwritable, for a full disk for instance. Then nothing counts as written."""
        parts: list[memoryview | bytes] = []
        starts = [self.used]
        for array in arrays:
            part = _bytes_of(array)
            parts += [part, bytes(-len(part) % LINE_BYTES)]
            starts.append(starts[-1] + lines_of(len(part)))
        if starts[-1] > self.capacity:
            raise HeapFull(str(self.path))
        checksum = self.checksum
        try:
            self._write(parts, self.used * LINE_BYTES)
        except OSError as error:
            raise unwritable(self.path, error) from error
        for each in parts:
            checksum = zlib.crc32(each, checksum)
        self.checksum = checksum
        self.used = starts.pop()
        return starts

    def _write(self, parts: Sequence[memoryview | bytes], place: int) -> None:
        for first in range(0, len(parts), PIECES):
            group = [memoryview(each) for each in parts[first : first + PIECES] if len(each)]
            while group:
                written = os.pwritev(self.descriptor, group, place)
                place += written
                while group and written >= len(group[0]):
                    written -= len(group.pop(0))
                if written:
                    group[0] = group[0][written:]

    def crc(self, begin: int, end: int) -> int:
        """CRC-32 of the lines from `begin` to `end`."""
        return zlib.crc32(self.words[begin * WORDS : end * WORDS].data)

    def is_there(self) -> bool:
        """Whether the file is still the one under its name: not deleted, nor made anew by somebody else."""
        try:
            return self.path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        """Append no more. Arrays that look into the file keep it mapped."""
        self._end()
        self.descriptor = -1


class PrivateHeap:
    """What is in a file, and what this process appends for itself alone: the file stays as it is.

    The file is mapped copy on write. Whoever writes to it may go on meanwhile: only lines before `used` are the file's.
    """

    def __init__(self, heap: FileHeap, used: int) -> None:
        if heap.descriptor < 0:
            raise ValueError("the heap was closed")  # or the system would map nothing but zeros
        self.used = used
        held = mmap.mmap(
            heap.descriptor, heap.capacity * LINE_BYTES, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE
        )
        self._held = memoryview(held)
        self.words: Words = frozen(np.frombuffer(held, dtype=np.int32))

    def append(self, *arrays: NDArray[Any]) -> list[int]:
        """Errors: HeapFull."""
        starts = [self.used]
        for part in map(_bytes_of, arrays):
            begin = starts[-1] * LINE_BYTES
            if begin + len(part) > len(self._held):
                raise HeapFull("a private heap")
            self._held[begin : begin + len(part)] = part
            starts.append(starts[-1] + lines_of(len(part)))
        self.used = starts.pop()
        return starts


def unwritable(path: Path, error: OSError) -> Refusal:
    return refuse(
        "world_unwritable",
        f"The world file {path} cannot be written: {error.strerror}. Make room, or choose another folder with "
        "WANGGE_DATA.",
        f"无法写入索引文件 {path}：{error.strerror}。请腾出空间，或用 WANGGE_DATA 指定其他文件夹。",
        kind="unavailable",
    )
