"""The cities and points of the benchmarks, made once by the model city's own functions and kept under .cache/bench."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from bench.peers.data import load_units
from bench.progress import tell
from examples.model_city.components import CLASSES
from examples.model_city.divisions import Divisions
from examples.model_city.names import Names
from examples.model_city.places import scatter
from examples.model_city.positions import reported
from examples.model_city.streets import Rings
from examples.model_city.units import Units, lay_out

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"
MODEL_CITY = ROOT / "examples" / "model_city"
SEED = 1
YEAR = 2_542_000
"""Cases of a province in a year."""
METRES = "EPSG:4547"  # Gauss-Kruger around 114 degrees east, where the city lies: true to 1e-5 within it


@dataclass(frozen=True, slots=True)
class City:
    """Files: `units` (.npz) holds coords, offsets of the rings and codes; `points` (.npy) is (m, 2) lon, lat."""

    units: Path
    points: Path
    count: int


@dataclass(frozen=True, slots=True)
class Features:
    """Files (.npy) of features and of points that ask for one of their class: lon, lat; metres; number of the class."""

    files: dict[str, str]
    reach_m: float


def make_city(units: int, points: int = YEAR, cache: Path | None = None) -> City:
    """A city of about `units` units, and points: 80 % within 15 m of a street, busy communities have more, no order."""
    folder = (cache or CACHE) / f"city-{units}"
    city, places = folder / "units.npz", folder / f"points-{points}.npy"
    with alone(folder, MODEL_CITY):
        if not (city.exists() and places.exists()):
            tell(f"making a city of {units:,} units and {points:,} points, once")
            rng = np.random.default_rng(SEED)
            made, _, divisions = lay_out(rng, Names(rng), units)
            with _whole(city) as path:
                np.savez(path, coords=made.rings.points, offsets=made.rings.offsets, codes=made.codes)
            with _whole(places) as path:
                np.save(path, _busy_places(rng, made, divisions, points))
    with np.load(city) as kept:
        return City(city, places, len(kept["codes"]))


def make_features(features: int, points: int = YEAR, reach_m: float = 20.0, cache: Path | None = None) -> Features:
    """`features` places of components in a city with four a unit, their classes as frequent as in the model city.

    Of the points, that ask for one of a class, four in five stand within the reach of a component of that class, as a
    report that means it does; the others stand anywhere and ask for anything.
    """
    city = make_city(max(features // 4, 50), points, cache)
    folder = city.units.parent / f"features-{features}-{points}-{reach_m:g}"
    names = [f"{who}_{what}" for who in ("feature", "point") for what in ("places", "metres", "classes")]
    with alone(city.units.parent, MODEL_CITY):
        if not folder.exists():
            tell(f"making {features:,} components, once")
            rng = np.random.default_rng(SEED + 1)
            with np.load(city.units) as kept:
                rings = Rings(kept["coords"], kept["offsets"])
            places, _ = scatter(rng, rings, load_units(str(city.units)), rng.integers(0, city.count, features))
            weights = np.array([each.weight for each in CLASSES])
            classes, asked = (rng.choice(len(CLASSES), n, p=weights / weights.sum()) for n in (features, points))
            means = rng.random(points) < 0.8
            meant = rng.integers(0, features, points)
            near = reported(rng, places[meant], np.full(points, reach_m))
            arrays: dict[str, NDArray[Any]] = {
                "feature_places": places,
                "feature_classes": classes.astype(np.int32),
                "point_places": np.where(means[:, None], near, np.load(city.points)),
                "point_classes": np.where(means, classes[meant], asked).astype(np.int32),
            }
            to_metres = Transformer.from_crs("EPSG:4490", METRES, always_xy=True)
            for who in ("feature", "point"):
                arrays[f"{who}_metres"] = np.column_stack(to_metres.transform(*arrays[f"{who}_places"].T))
            with _whole(folder) as path:
                path.mkdir()
                for name in names:
                    np.save(path / f"{name}.npy", arrays[name])
    return Features({name: str(folder / f"{name}.npy") for name in names}, reach_m)


def _busy_places(rng: np.random.Generator, units: Units, divisions: Divisions, count: int) -> NDArray[np.float64]:
    busy = rng.lognormal(0.0, 1.0, len(divisions.communities))[units.community]
    chance = np.cumsum(busy * rng.uniform(0.5, 1.5, len(units)))
    unit = np.searchsorted(chance, rng.random(count) * chance[-1], side="right")
    places, _ = scatter(rng, units.rings, units.polygons, unit, near=0.8)
    return rng.permutation(places)


@contextmanager
def alone(folder: Path, *sources: Path) -> Iterator[None]:
    """Nobody else makes what lies in the folder, which is empty where that was made by other code than `sources`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made_by, now = folder / ".made-by", fingerprint(*sources)
        if not made_by.exists() or made_by.read_text() != now:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            made_by.write_text(now)
        yield


def fingerprint(*sources: Path) -> str:
    """A digest of the Python files of some folders."""
    files = sorted(path for folder in sources for path in folder.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file or folder that is there in full or not at all: written beside its place, then moved."""
    draft = path.with_name(f"draft-{path.name}")
    shutil.rmtree(draft, ignore_errors=True)
    yield draft
    draft.replace(path)
