"""geopandas.sjoin with the spatial index of the units built before: one thread, as one calls it."""

from typing import Any

import geopandas
import numpy as np
from numpy.typing import NDArray

from bench.peers.data import load_array, load_units
from bench.peers.protocol import lowest, serve


class Geopandas:
    def prepare(self, units: str, points: str) -> dict[str, Any]:
        self.units = geopandas.GeoDataFrame(geometry=load_units(units))
        self.points = geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(*load_array(points).T))
        geopandas.sjoin(self.points.head(1000), self.units, predicate="intersects")
        return {"version": geopandas.__version__}

    def run(self) -> Any:
        return geopandas.sjoin(self.points, self.units, predicate="intersects")

    def answers(self, found: Any) -> NDArray[np.int32]:
        return lowest(len(self.points), found.index.to_numpy(), found["index_right"].to_numpy())

    def figures(self) -> dict[str, Any]:
        return {}


if __name__ == "__main__":
    serve(Geopandas())
