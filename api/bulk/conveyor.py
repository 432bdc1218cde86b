"""Pieces of a file answered on two threads while others are read and written; memory does not grow with the file."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import pyarrow as pa

from api.bulk.tallies import Tally
from gis.formats.pieces import Piece
from gis.formats.sinks import Sink

THREADS = 2
AHEAD = 3
"""Pieces that are read but not yet written: two being answered and one waiting."""

Added = dict[str, pa.Array]
Answer = Callable[[Piece], tuple[Added, Tally]]


def convey(pieces: Iterable[Piece], sink: Sink, answer: Answer, advance: Callable[[int], None]) -> Tally:
    """Answer the pieces and write them in their order, with what was added; the counts of all."""
    tally = Tally()
    waiting: deque[tuple[Piece, Future[tuple[Added, Tally]]]] = deque()
    with ThreadPoolExecutor(THREADS) as threads:

        def finish() -> None:
            piece, future = waiting.popleft()
            added, counts = future.result()
            tally.add_faults(piece.faults)
            tally.merge(counts)
            sink.write(piece, added)
            advance(len(piece))

        try:
            for piece in pieces:
                waiting.append((piece, threads.submit(answer, piece)))
                if len(waiting) >= AHEAD:
                    finish()
            while waiting:
                finish()
        finally:
            for _, future in waiting:
                future.cancel()
    return tally


def put_back(parts: list[Added], rows: list[pa.Array], names: Iterable[str]) -> Added:
    """Columns of one piece that were made in parts, in the order of its rows; `rows` are those of each part."""
    back = pa.array(pa.concat_arrays(rows).to_numpy().argsort(kind="stable"))
    found = {}
    for name in names:
        columns = [each[name].dictionary_decode() if pa.types.is_dictionary(each[name].type) else each[name]
                   for each in parts]  # fmt: skip
        found[name] = pa.concat_arrays(columns).take(back)
    return found
