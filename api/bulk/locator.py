"""`wangge locate` piece by piece: positions in, the columns of their places out."""

import threading
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from api.bulk.as_of import EARLY, AsOf
from api.bulk.conveyor import Added, put_back
from api.bulk.files import column_missing
from api.bulk.placing import PLACE, PlaceColumn, Placer, before_history, column_names
from api.bulk.tallies import Tally
from api.systems import LiveSystems
from cases.positions import suspect, to_places
from gis import crs as reference
from gis.crs import CrsLike
from gis.errors import Fault, Refusal, refuse
from gis.formats.columns import to_text
from gis.formats.csv_pieces import CsvSource
from gis.formats.delimited import not_read
from gis.formats.pieces import Piece, Source, plain
from gis.metres import Floats
from gis.points import missing, no_position, place_all, read_axis

LON_LAT = ("lon", "lat")


class Locator:
    """Locates the pieces of a source; keeps what it made of each revision. Safe to share between threads.

    Errors: Refusal column_missing, crs_missing, crs_unknown.
    """

    def __init__(self, asked: AsOf, source: Source, crs: CrsLike | None, named: PlaceColumn | None = None) -> None:
        """With `named` each place is told in words too."""
        self.asked, self.source, self.given, self.named = asked, source, crs, named
        self.systems = LiveSystems(asked.worlds.store)
        declared = self.systems.find(source.shape.crs) if source.shape is not None else None
        self.crs, faults = reference.choose(declared, crs)
        self.faults: Sequence[Fault] = faults
        self.frame = None if self.crs is None else reference.parse(self.crs)
        self.axes = source.axes or LON_LAT
        self.nowhere = isinstance(source, CsvSource) and source.axes is None
        self.system = next((name for name in source.names if name.lower() == "crs"), None)
        self.levels = [level.id for level in asked.worlds.newest().grid.profile.levels]
        self.layers = asked.layers
        self.names = [*column_names(self.levels, self.layers), *(() if named is None else (PLACE,))]
        self._placers: dict[int, Placer] = {}
        self._lock = threading.Lock()

    def answer(self, piece: Piece) -> tuple[Added, Tally]:
        """The columns that `locate` adds, a bad row's empty; and the counts."""
        lonlat, faults = self.positions(piece)
        tally = Tally(rows=len(piece), total=int(np.isfinite(lonlat[:, 0]).sum()))
        tally.add_faults(faults)
        groups = self.asked.groups(piece)
        if len(groups) == 1:
            return self._placed(groups[0][0], lonlat), tally
        rows = [each for _, each in groups if each is not None]
        parts = [self._placed(number, lonlat[each]) for (number, _), each in zip(groups, rows, strict=True)]
        return put_back(parts, [pa.array(each) for each in rows], self.names), tally

    def _placed(self, number: int, lonlat: Floats) -> Added:
        if number == EARLY:
            found = before_history(self.levels, self.layers, len(lonlat))
            bad = pa.array(np.isnan(lonlat[:, 0]))
            if self.named is not None:
                found[PLACE] = pa.nulls(len(lonlat), pa.string())
            return found | {"flags": pc.if_else(bad, pa.scalar(None, pa.string()), plain(found["flags"]))}
        with self._lock:
            if number not in self._placers:
                self._placers[number] = Placer(self.asked.worlds.at(number).grid)
        found = self._placers[number].answer(lonlat)
        if self.named is not None:
            found[PLACE] = self.named(number, lonlat)
        empty = pa.nulls(len(lonlat), pa.dictionary(pa.int32(), pa.string()))
        return {name: found.get(name, empty) for name in self.names}

    def positions(self, piece: Piece) -> tuple[Floats, list[Fault]]:
        """lon, lat (n, 2) in EPSG:4490 as the store rounds them, NaN for a bad row; and the faults of those."""
        faults: list[Fault] = list(self.faults) if _is_first(piece) else []
        known = {each.row for each in piece.faults if each.severity == "error"}
        if piece.places is not None and self.source.axes is None:
            xy = piece.places
        else:
            xy, unread = self._columns(piece)
            faults += unread
            known |= {each.row for each in unread}
        if self.frame is not None:
            if self.given is not None and self.system is not None and _is_first(piece):
                faults += self._overridden(piece)
            lonlat, found = place_all(xy, piece.rows, self.frame, first=_is_first(piece))
            nowhere = missing(xy)
            faults += found
        elif self.system is not None:
            lonlat, found, nowhere = _place_each(xy, plain(piece.column(self.system)), piece.rows, self.systems)
            faults += found
        else:
            raise _no_crs()
        faults += [no_position(row) for row in piece.rows[nowhere].tolist() if row not in known]
        return lonlat, sorted(faults, key=lambda each: each.row or 0)

    def _columns(self, piece: Piece) -> tuple[Floats, list[Fault]]:
        there = [*piece.columns.schema.names, *self.source.names]
        if self.nowhere and not set(LON_LAT) <= set(there):
            raise Refusal(nowhere_at_all())
        for name in self.axes:
            if name not in there:
                raise column_missing(name, list(piece.columns.schema.names))
        columns = [piece.column(name) for name in self.axes]
        axes = [read_axis(each) for each in columns]
        xy = np.column_stack([each.values for each in axes])
        wrong = axes[0].wrong | axes[1].wrong
        faults = []
        for at in np.flatnonzero(wrong).tolist():
            shown = ", ".join(to_text(plain(each)[at].as_py()) or "" for each in columns)
            faults.append(not_read(int(piece.rows[at]), ", ".join(self.axes), shown))
        xy[wrong] = np.nan
        return xy, faults

    def _overridden(self, piece: Piece) -> Sequence[Fault]:
        """The warning that rows say another CRS than the person; once."""
        for name in plain(piece.column(self.system or "")).unique().to_pylist():
            if name is not None and (faults := reference.choose(str(name), self.given)[1]):
                return faults
        return ()


def nowhere_at_all() -> Fault:
    """The fault of a CSV in which nothing looks like a position."""
    return Fault(
        "missing_geometry",
        "The file has no geometry; a CSV needs columns lon and lat, x and y, or wkt.",
        "文件中没有几何数据；CSV 需要 lon 和 lat、x 和 y 或 wkt 列。",
    )


def _is_first(piece: Piece) -> bool:
    """Whether these are the first rows of the file: none before them has as many."""
    return not len(piece) or int(piece.rows[0]) <= len(piece)


def _place_each(
    xy: Floats, named: pa.Array, rows: np.ndarray, systems: LiveSystems
) -> tuple[Floats, list[Fault], NDArray[np.bool_]]:
    """Positions whose rows name their own CRS; the faults; and which rows say too little."""
    named = named.cast(pa.string()) if pa.types.is_null(named.type) else named
    encoded = named.dictionary_encode()
    names = [(to_text(each) or "").strip() for each in encoded.dictionary.to_pylist()] + [""]
    of = np.asarray(encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False), dtype=np.int64)
    lonlat = np.full((len(xy), 2), np.nan)
    faults: list[Fault] = []
    nowhere = missing(xy)
    for number in np.flatnonzero(np.bincount(of, minlength=len(names))).tolist():
        name = names[number]
        mine = of == number
        if not name:
            nowhere |= mine
            continue
        at = np.flatnonzero(mine & ~nowhere)
        try:
            frame = systems.parse(name)
            stored = reference.to_store(xy[at], frame)
        except Refusal as refusal:
            faults += [_at(refusal.faults[0], row) for row in rows[at].tolist()]
            continue
        doubtful = np.flatnonzero(suspect(xy[at], stored, frame))
        lonlat[at] = np.round(stored, reference.DECIMALS)
        if len(doubtful):
            again = at[doubtful]
            lonlat[again], found = to_places([(x, y, frame) for x, y in xy[again].tolist()])
            faults += [_at(fault, int(rows[again[index]])) for index, fault in found.items()]
    return lonlat, faults, nowhere


def _at(fault: Fault, row: int) -> Fault:
    return Fault(fault.code, fault.en, fault.zh, fault.severity, row, fault.thing, fault.where)


def _no_crs() -> Refusal:
    return refuse(
        "crs_missing",
        "Neither the file nor you say which coordinate reference system the coordinates are in; "
        "name it, for example EPSG:4490, EPSG:4547 or GCJ-02.",
        "文件和参数都没有说明坐标系；请指定，例如 EPSG:4490、EPSG:4547 或 GCJ-02。",
    )
