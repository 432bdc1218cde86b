"""The files of a city as contenders load them."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


def load_units(path: str) -> NDArray[Any]:
    """The polygons (n,) of the units, in the order of their codes."""
    with np.load(path) as city:
        offsets = city["offsets"]
        each = np.arange(len(offsets))
        return np.asarray(shapely.from_ragged_array(shapely.GeometryType.POLYGON, city["coords"], (offsets, each)))


def load_codes(path: str) -> NDArray[np.str_]:
    with np.load(path) as city:
        return np.asarray(city["codes"])


def load_array(path: str) -> NDArray[Any]:
    """An array of a .npy file, as a copy in memory."""
    return np.ascontiguousarray(np.load(path))
