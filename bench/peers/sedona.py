"""SedonaDB's spatial join over two Arrow tables in memory, two threads. It builds its index inside the query."""

from typing import Any

import numpy as np
import pyarrow as pa
import sedonadb
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array, load_units
from bench.peers.protocol import lowest, serve

JOIN = "SELECT p.id AS point, u.id AS unit FROM {points} p JOIN units u ON ST_Intersects(u.geometry, p.geometry)"
WKB = {b"ARROW:extension:name": b"geoarrow.wkb", b"ARROW:extension:metadata": b"{}"}
BATCH = 65_536  # rows of a batch: enough of them that both threads have work


class SedonaDb:
    def prepare(self, units: str, points: str, threads: int = 2) -> dict[str, Any]:
        self.session = sedonadb.connect()
        _read(self.session.sql(f"SET datafusion.execution.target_partitions = {threads}"))
        lonlat = load_array(points)
        self.count = len(lonlat)
        self._view("units", load_units(units))
        self._view("points", np.asarray(shapely.points(lonlat)))
        self._view("few", np.asarray(shapely.points(lonlat[:1000])))
        _read(self.session.sql(JOIN.format(points="few")))  # so that nothing is done for the first time
        return {"version": sedonadb.__version__}

    def _view(self, name: str, geometries: NDArray[Any]) -> None:
        schema = pa.schema([pa.field("id", pa.int32()), pa.field("geometry", pa.binary(), metadata=WKB)])
        columns = [pa.array(np.arange(len(geometries), dtype=np.int32)), pa.array(shapely.to_wkb(geometries))]
        table = pa.Table.from_arrays(columns, schema=schema)
        cut = pa.Table.from_batches(table.to_batches(max_chunksize=BATCH), schema)
        self.session.create_data_frame(cut).to_memtable().to_view(name)

    def run(self) -> Any:
        return _read(self.session.sql(JOIN.format(points="points")))

    def answers(self, found: Any) -> NDArray[np.int32]:
        return lowest(self.count, found["point"].to_numpy(), found["unit"].to_numpy())

    def figures(self) -> dict[str, Any]:
        return {}


def _read(frame: Any) -> Any:
    # Not `to_arrow_table`: that wants a further package, only to dress up columns of geometry.
    return pa.RecordBatchReader.from_stream(frame).read_all()


if __name__ == "__main__":
    serve(SedonaDb())
