"""How much memory the index of a city takes, as a server has it: mapped from a file that another process has written.

Everything counts that lookups need: tables, exact fallback, shapes, codes; in the file, all that it holds, read or not,
though the workers of a machine share one copy of it; and by how much the process itself grows when everything is asked.
"""

import ctypes
import gc
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from bench.peers.data import load_array, load_codes, load_units
from bench.peers.protocol import serve
from gis.heap.lines import FileHeap
from gis.locate import PolygonIndex


class Memory:
    def prepare(self, units: str, points: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name)
        subprocess.run([sys.executable, "-m", "bench.ours.index_file", units, str(self.file)], check=True)
        self.points = load_array(points)
        few = slice(0, 1000)
        self._ask(PolygonIndex.build(load_units(units)[few], load_codes(units)[few], trusted=True))
        self.sizes: dict[str, int] = {}

    def run(self) -> PolygonIndex:
        own = own_bytes()
        index = PolygonIndex.read(
            FileHeap.open(self.file / "heap"), orjson.loads((self.file / "told.json").read_bytes())
        )
        self._ask(index)
        own, file = own_bytes() - own, (self.file / "heap").stat().st_blocks * 512
        self.sizes = {"all_bytes": own + file, "own_bytes": own, "mapped_bytes": file}
        return index

    def _ask(self, index: PolygonIndex) -> None:
        """Everything once, so that what is made or read at first use is there."""
        few = self.points[:1000]
        index.lowest(self.points)
        index.holders(few)
        index.near(few, 5.0)
        index.edge_distance(few)

    def answers(self, found: Any) -> None:
        return None

    def figures(self) -> dict[str, Any]:
        return self.sizes


def own_bytes() -> int:
    """Bytes of memory that are this process's own, after giving back what is free."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    status = Path("/proc/self/status").read_text()
    (kilobytes,) = re.findall(r"^RssAnon:\s+(\d+) kB", status, re.MULTILINE)
    return int(kilobytes) * 1024


if __name__ == "__main__":
    serve(Memory())
