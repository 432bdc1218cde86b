"""PostGIS: the nearest feature by index (KNN), of a class and within reach, on two connections at once.

Coordinates are projected to metres before; one GiST index holds class and place (btree_gist). The rate does not depend
on how many points are asked, so fewer are asked than of the others.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.peers.data import load_array
from bench.peers.protocol import serve

NEAREST = """
    SELECT p.id, f.id FROM points p CROSS JOIN LATERAL (
        SELECT id, geom FROM features WHERE class = p.class AND ST_DWithin(geom, p.geom, %s)
        ORDER BY geom <-> p.geom LIMIT 2
    ) f WHERE p.id >= %s AND p.id < %s ORDER BY p.id, f.geom <-> p.geom
"""


class PostGis:
    def prepare(self, url: str, sample: int, reach_m: float, threads: int = 2, **given: Any) -> None:
        self.reach, self.sample = reach_m, sample
        with psycopg.connect(url, autocommit=True) as connection:
            for extension in ("postgis", "btree_gist"):
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
            for table in ("feature", "point"):
                metres, classes = load_array(given[f"{table}_metres"]), load_array(given[f"{table}_classes"])
                if table == "point":
                    metres, classes = metres[:sample], classes[:sample]
                _fill(connection, f"{table}s", metres, classes)
        self.connections = [psycopg.connect(url, autocommit=True) for _ in range(threads)]
        for each in self.connections:
            each.execute("SET jit = off")
            each.execute(NEAREST, (self.reach, 0, min(100, sample)))
        self.pool = ThreadPoolExecutor(threads)

    def run(self) -> list[Any]:
        cuts = np.linspace(0, self.sample, len(self.connections) + 1).astype(int)
        parts = [
            self.pool.submit(each.execute, NEAREST, (self.reach, int(begin), int(end)))
            for each, begin, end in zip(self.connections, cuts[:-1], cuts[1:], strict=True)
        ]
        return [row for part in parts for row in part.result().fetchall()]

    def answers(self, found: list[Any]) -> NDArray[np.int32]:
        nearest = np.full(self.sample, -1, dtype=np.int32)
        for point, feature in reversed(found):
            nearest[point] = feature
        return nearest

    def figures(self) -> dict[str, Any]:
        return {"points": self.sample}


def _fill(connection: Any, table: str, metres: NDArray[Any], classes: NDArray[Any]) -> None:
    connection.execute(f"DROP TABLE IF EXISTS {table}")
    connection.execute(f"CREATE TABLE {table} (id int, class int, x float8, y float8, geom geometry(Point, 4547))")
    with connection.cursor().copy(f"COPY {table} (id, class, x, y) FROM STDIN") as copy:
        for row in zip(range(len(classes)), classes.tolist(), *metres.T.tolist(), strict=True):
            copy.write_row(row)
    connection.execute(f"UPDATE {table} SET geom = ST_SetSRID(ST_Point(x, y), 4547)")
    connection.execute(f"CREATE INDEX ON {table} USING gist (class, geom)")
    connection.execute(f"CREATE INDEX ON {table} (id)")
    connection.execute(f"VACUUM (FULL, ANALYZE) {table}")


if __name__ == "__main__":
    serve(PostGis())
