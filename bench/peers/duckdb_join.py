"""DuckDB's spatial join over two tables in memory, two threads. It builds its index inside the query."""

from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_spatial
import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from bench.peers.data import load_array, load_units
from bench.peers.protocol import lowest, serve

JOIN = "SELECT p.id AS point, u.id AS unit FROM {points} p JOIN units u ON ST_Intersects(u.geom, p.geom)"
FEW = "(SELECT * FROM points WHERE id < 1000)"


class DuckDb:
    def prepare(self, units: str, points: str, threads: int = 2) -> dict[str, Any]:
        folder = Path(duckdb_extension_spatial.__file__).parent / "extensions"
        (extension,) = folder.glob("*/spatial.duckdb_extension")
        self.connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
        self.connection.load_extension(str(extension))
        polygons, lonlat = load_units(units), load_array(points)
        self.count = len(lonlat)
        wkb = pa.table({"id": np.arange(len(polygons), dtype=np.int32), "wkb": shapely.to_wkb(polygons)})
        xy = pa.table({"id": np.arange(len(lonlat), dtype=np.int32), "lon": lonlat[:, 0], "lat": lonlat[:, 1]})
        self.connection.register("wkb", wkb)
        self.connection.register("xy", xy)
        self.connection.execute("CREATE TABLE units AS SELECT id, ST_GeomFromWKB(wkb) AS geom FROM wkb")
        self.connection.execute("CREATE TABLE points AS SELECT id, ST_Point(lon, lat) AS geom FROM xy")
        self.join = JOIN.format(points="points")
        self.connection.execute(JOIN.format(points=FEW)).to_arrow_table()  # so that nothing is done for the first time
        plan = self.connection.execute(f"EXPLAIN {self.join}").fetchall()[0][1]
        return {"version": duckdb.__version__, "spatial_join": "SPATIAL_JOIN" in plan}

    def run(self) -> Any:
        return self.connection.execute(self.join).to_arrow_table()

    def answers(self, found: Any) -> NDArray[np.int32]:
        return lowest(self.count, found["point"].to_numpy(), found["unit"].to_numpy())

    def figures(self) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    serve(DuckDb())
