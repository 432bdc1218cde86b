"""What is checked: the world as it would be, in arrays."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gis.metres import Floats, Indices
from grids.profiles import GBT, CodeProfile

Texts = NDArray[Any]
Geometries = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Units:
    """Unit grids (n,): uids int64, codes ("" where one is missing), and polygons in lon/lat EPSG:4490 or None."""

    uids: Indices
    codes: Texts
    polygons: Geometries

    @classmethod
    def of(cls, uids: Any, codes: Any, polygons: Any) -> Self:
        return cls(np.asarray(uids, dtype=np.int64), _objects([code or "" for code in codes]), _objects(polygons))


@dataclass(frozen=True, slots=True)
class Gaps:
    """Named gaps (g,)."""

    uids: Indices
    names: Texts
    polygons: Geometries

    @classmethod
    def of(cls, uids: Any, names: Any, polygons: Any) -> Self:
        return cls(np.asarray(uids, dtype=np.int64), _objects(names), _objects(polygons))


@dataclass(frozen=True, slots=True)
class Divisions:
    """Divisions (d,) of every level. An outline is a boundary that units must keep to; None where none is given.

    Since the shape of a division that has units follows from them, an outline is one from elsewhere: as delivered, or
    as it was before an edit.
    """

    uids: Indices
    codes: Texts
    outlines: Geometries

    @classmethod
    def of(cls, uids: Any, codes: Any, outlines: Any = None) -> Self:
        shapes = np.full(len(codes), None, dtype=object) if outlines is None else _objects(outlines)
        return cls(np.asarray(uids, dtype=np.int64), _objects(codes), shapes)


@dataclass(frozen=True, slots=True)
class Areas:
    """Areas of responsibility (a,) of all layers; a department is None where none is named."""

    uids: Indices
    layers: Texts
    codes: Texts
    departments: Texts
    polygons: Geometries

    @classmethod
    def of(cls, uids: Any, layers: Any, codes: Any, departments: Any, polygons: Any) -> Self:
        return cls(np.asarray(uids, dtype=np.int64), *map(_objects, (layers, codes, departments, polygons)))


@dataclass(frozen=True, slots=True)
class Components:
    """Places (m, 2) lon/lat and class codes (m,) of components; `units` (m,), if known, the uid of each one's unit."""

    lonlat: Floats
    classes: Texts
    units: Indices | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """A rule, a key or another row (`kind` is its layer) that holds for what begins with `prefix`; "" is everywhere.

    `is_gone`: nothing begins with the prefix any more; None where that is to be seen from the codes of the subject.
    `heirs` are the codes to which its ground went. `count` rows in all are alike, of which `code` is the first.
    """

    kind: str
    code: str
    prefix: str
    uid: int | None = None
    is_gone: bool | None = None
    heirs: tuple[str, ...] = ()
    count: int = 1


@dataclass(frozen=True, slots=True)
class Targets:
    """What units should be like; warnings begin where they are not.

    A unit is far from its target when it is more than `area_factor` times larger or smaller. A sliver has a mean width
    below `sliver_m`; nodes closer than `node_m` are one node twice. A unit has too many components when they exceed
    `components_factor` times its community's median, and that by `components_least`.
    """

    area_m2: float | None = 10_000.0
    area_factor: float = 5.0
    sliver_m: float = 1.0
    node_m: float = 0.001
    components_factor: float = 5.0
    components_least: int = 50

    @classmethod
    def of_profile(cls, profile: CodeProfile) -> Self:
        """About 10,000 m² for unit grids of the national standard; units of other profiles have no area to aim at."""
        return cls() if profile.name.startswith("gbt") else cls(area_m2=None)


def _no_units() -> Units:
    return Units.of([], [], [])


@dataclass(frozen=True, slots=True)
class Subject:
    """The world as it would be if it were published, as far as checks need it.

    `departments` are the codes in force, None where they are not known. `retired` are codes that units had and have no
    more, with the uid that had each; in communities of `recoded` they may be given again (renumbering with reuse).
    """

    units: Units = field(default_factory=_no_units)
    gaps: Gaps = field(default_factory=lambda: Gaps.of([], [], []))
    divisions: Divisions = field(default_factory=lambda: Divisions.of([], []))
    areas: Areas = field(default_factory=lambda: Areas.of([], [], [], [], []))
    components: Components | None = None
    references: tuple[Reference, ...] = ()
    departments: AbstractSet[str] | None = None
    retired: Mapping[str, int] = field(default_factory=dict)
    recoded: AbstractSet[str] = frozenset()
    profile: CodeProfile = GBT
    targets: Targets = field(default_factory=Targets)
    snap_m: float = 0.01


def _objects(values: Any) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values if isinstance(values, np.ndarray) else list(values)
    return found
