"""A file eight times as long takes no more memory, whatever its format: what is alive is counted, not timed."""

import gc
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from api.bulk.as_of import AsOf
from api.bulk.conveyor import AHEAD, Answer, convey
from api.bulk.dispatcher import CaseColumns, dispatcher
from api.bulk.files import CODES
from api.bulk.locator import Locator
from api.worlds import Worlds
from gis.formats.pieces import Piece, Source
from gis.formats.sinks import written
from gis.formats.sources import open_source
from gis.store.engine import Store
from tests.api.test_bulk_files import DEFAULTS, SUFFIXES, now, reported, save

ROWS = 400
SHORT, LONG = 5, 40
"""Pieces of a short file and of one eight times as long."""


class Counting:
    """Hands on pieces; knows how many of them were ever alive at once, and how many bytes were in use at most."""

    def __init__(self, pieces: Iterator[Piece]) -> None:
        self.pieces, self.alive, self.most_alive, self.most_bytes, self.count = pieces, 0, 0, 0, 0
        self.still = threading.Lock()

    def quietly(self, answer: Answer) -> Answer:
        """The same answers, none of which is on its way while bytes are counted."""

        def wait(piece: Piece) -> Any:
            with self.still:
                return answer(piece)

        return wait

    def __iter__(self) -> Iterator[Piece]:
        for piece in self.pieces:
            weakref.finalize(piece.columns, self._gone)
            self.alive += 1
            self.count += 1
            self.most_alive = max(self.most_alive, self.alive)
            yield piece
            del piece
            with self.still:
                in_use = tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes()
            self.most_bytes = max(self.most_bytes, in_use)

    def _gone(self) -> None:
        self.alive -= 1


def make(folder: Path, suffix: str, pieces: int) -> Path:
    """A file of so many times the same rows."""
    one = save(reported(ROWS), folder / f"one{suffix}")
    path = folder / f"{pieces}{suffix}"
    if suffix in (".csv", ".ndjson"):
        head, _, body = one.read_bytes().partition(b"\n") if suffix == ".csv" else (b"", b"", one.read_bytes())
        path.write_bytes((head + b"\n" if head else b"") + body * pieces)
        return path
    batches = pa.Table.from_pylist(reported(ROWS)).to_batches()
    if suffix == ".parquet":
        with pq.ParquetWriter(path, batches[0].schema) as writer:
            for _ in range(pieces):
                writer.write_batch(batches[0])
        return path
    with (pa.ipc.new_file if suffix == ".arrow" else pa.ipc.new_stream)(path, batches[0].schema) as sink:
        for _ in range(pieces):
            sink.write_batch(batches[0])
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("task", ["locate", "route"])
def test_memory_does_not_grow_with_the_length_of_the_file(store: Store, tmp_path: Path, suffix: str, task: str) -> None:
    worlds = Worlds(store)

    def answerer(source: Source) -> Answer:
        asked = AsOf.of(worlds, None, now, source.names)
        if task == "locate":
            return Locator(asked, source, None).answer
        return dispatcher(asked, CaseColumns.of(source, {}, DEFAULTS), CODES).answer

    def run(pieces: int) -> Counting:
        path = make(tmp_path, suffix, pieces)
        source = open_source(path)
        counting = Counting(source.pieces(ROWS))
        gc.collect()
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        try:
            with written(tmp_path / f"out{suffix}", source) as sink:
                answer = counting.quietly(answerer(source))
                assert convey(counting, sink, answer, lambda _: None).rows == pieces * ROWS
        finally:
            tracemalloc.stop()
        counting.most_bytes -= before
        assert counting.count == pieces
        return counting

    run(1)
    short, long = run(SHORT), run(LONG)
    assert long.most_alive <= AHEAD + 2, long.most_alive
    assert long.most_bytes < 1.25 * short.most_bytes + 200_000, (short.most_bytes, long.most_bytes)
