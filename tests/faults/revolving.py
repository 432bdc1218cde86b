"""An index in world files that changes all the time, and readers that know of every answer which revision gave it.

64 units in 8 rows and 8 columns. Each revision changes some codes, each third one also moves all inner borders, and
now and then what is alive moves to a new file. The root tells which revision gave each unit its code and where the
borders are, so that an answer that mixes two revisions gives itself away.
"""

from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.heap.folder import Folder, Root, Writer
from gis.heap.lines import HeapFull
from gis.locate import PolygonIndex, Turnover

SIDE = 8
UNITS = SIDE * SIDE
WEST, SOUTH, STEP = 114.0, 22.5, 0.001
SHIFT = 0.4  # of a step, to the east: where the inner borders are in every other state
KEPT = 3  # former indexes that a reader goes on asking


def borders(moved: bool) -> NDArray[np.float64]:
    """The meridians between the columns, in steps."""
    found = np.arange(SIDE + 1.0)
    found[1:-1] += SHIFT if moved else 0.0
    return found


def units(moved: bool) -> NDArray[Any]:
    across = WEST + STEP * borders(moved)
    up = SOUTH + STEP * np.arange(SIDE + 1.0)
    corners = [(across[k % SIDE], up[k // SIDE], across[k % SIDE + 1], up[k // SIDE + 1]) for k in range(UNITS)]
    return shapely.box(*np.array(corners).T)


def code(slot: int, revision: int) -> str:
    return f"{slot:03d}-{revision:06d}"


def write_next(writer: Writer, folder: Folder, random: np.random.Generator, compact: bool = False) -> int:
    """Publish the next revision: the first one, a change, or a change after everything alive has moved."""
    root = folder.root()
    if root is None:
        heap = writer.begin(1)
        codes = np.array([code(slot, 1) for slot in range(UNITS)])
        index = PolygonIndex.build(units(False), codes, trusted=True, threads=1, heap=heap)
        writer.publish({"revision": 1, "of": [1] * UNITS, "moved": False, "index": index.tell()})
        return 1
    revision, of, moved = root.content["revision"] + 1, list(root.content["of"]), root.content["moved"]
    whole = revision % 3 == 0
    slots = range(UNITS) if whole else sorted(random.choice(UNITS, 3, replace=False).tolist())
    moved = moved != whole
    for slot in slots:
        of[slot] = revision
    change = Turnover((), tuple(slots), units(moved)[list(slots)], tuple(code(slot, revision) for slot in slots))
    try:
        index = _index(writer, root, compact).update(change)[0]
    except HeapFull:
        index = _index(writer, root, True).update(change)[0]
    writer.publish({"revision": revision, "of": of, "moved": moved, "index": index.tell()})
    return revision


def _index(writer: Writer, root: Root, compact: bool) -> PolygonIndex:
    if compact:
        return PolygonIndex.read(root.heap, root.content["index"]).copied(writer.begin(1))
    return PolygonIndex.read(writer.go_on(root), root.content["index"])


@dataclass(slots=True)
class Seen:
    """What a reader found."""

    lookups: int = 0
    revisions: set[int] = field(default_factory=set)
    files: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def ask(root: Root, index: PolygonIndex, random: np.random.Generator, count: int) -> list[str]:
    """Ask an index `count` times; where it does not answer wholly as its revision."""
    told, faults = root.content, []
    places = random.random((count, 2)) * SIDE
    columns = np.searchsorted(borders(told["moved"]), places[:, 0], side="right") - 1
    lonlat = np.array([WEST, SOUTH]) + STEP * places
    for (lon, lat), column, row in zip(
        lonlat.tolist(), columns.tolist(), places[:, 1].astype(int).tolist(), strict=True
    ):
        slot = index.lowest_one(lon, lat)
        wanted = row * SIDE + column
        if slot != wanted or index.codes[slot] != code(slot, told["of"][slot]):
            said = index.codes[slot] if slot >= 0 else None
            faults.append(f"revision {told['revision']} in {root.generation}: {wanted} asked, {slot} with code {said}")
    return faults


def read_on(path: Path, lookups: int, revisions: int, ended: Event, pipe: Pipe) -> None:
    """Ask until there were so many lookups and revisions, or until it is said that all has ended; send what was seen.

    Where nothing is in force yet there is nothing to ask.
    """
    folder, seen, random = Folder(path), Seen(), np.random.default_rng(lookups)
    held: list[tuple[Root, PolygonIndex]] = []
    try:
        pipe.send("ready")
        while not ended.is_set() and (seen.lookups < lookups or len(seen.revisions) < revisions):
            word = folder.word()
            if word and (not held or word != held[-1][0].word):
                root = folder.root()
                assert root is not None
                held = [*held[-KEPT:], (root, PolygonIndex.read(root.heap, root.content["index"]))]
                seen.revisions.add(root.content["revision"])
                seen.files.add(root.generation)
            for root, index in held:
                seen.faults += ask(root, index, random, 10)
                seen.lookups += 10
    except Exception as error:
        seen.faults.append(repr(error))
    pipe.send(seen)
