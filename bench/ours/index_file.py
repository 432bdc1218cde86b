"""Write the index of a city's units to a file, as servers share it: `python -m bench.ours.index_file UNITS FOLDER`."""

import sys
from pathlib import Path

import orjson

from bench.peers.data import load_codes, load_units
from gis.heap.lines import FileHeap
from gis.locate import PolygonIndex

ROOM = 1 << 26  # lines, 4 GB; the file is sparse


def write(units: str, folder: Path) -> None:
    heap = FileHeap.create(folder / "heap", ROOM)
    index = PolygonIndex.build(load_units(units), load_codes(units), trusted=True, heap=heap)
    (folder / "told.json").write_bytes(orjson.dumps(index.tell()))


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]))
