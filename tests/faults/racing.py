"""Writers that draft, import and take back at once, in threads and processes; each tells what was acknowledged."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import shapely
from sqlalchemy import select

from api.editing.drafting import DOORS
from api.editing.undo import run_undo
from api.transfer.imports import Options, run_import
from api.worlds import Worlds
from gis.errors import Refusal, refuse
from gis.store.engine import Store, open_store, reading, writing
from gis.store.revisions import head
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.records import create_draft
from grids.drafts.workbench import Workbench
from grids.tables import unit

BUSY = {"draft_conflict", "store_busy", "store_changed"}
"""What a writer who comes too late is told; he looks again and tries again."""
UNLUCKY = {"part_too_thin", "line_too_close", "line_along_edge", "line_touches_only", "strip_too_narrow"}
"""What is said of a line that cannot be, whoever else writes."""
TOO_LATE = (
    BUSY
    | UNLUCKY
    | {"undo_touched", "undo_code_taken", "unit_retired", "unit_unknown", "nothing_changes", "draft_empty"}
)


@dataclass(slots=True)
class Told:
    """What a writer was acknowledged: revisions by number with the author's mark, and how often he added one."""

    revisions: dict[int, str] = field(default_factory=dict)
    added: int = 0
    late: int = 0
    faults: list[str] = field(default_factory=list)


def units_in_force(store: Store) -> tuple[int, list[Any]]:
    with reading(store.world) as connection:
        rows = select(unit.c.code, unit.c.note, unit.c.geom).where(unit.c.to_revision.is_(None)).order_by(unit.c.code)
        return head(connection), list(connection.execute(rows))


def draft_and_publish(bench: Workbench, mark: str, at: int, *documents: dict[str, Any]) -> int:
    """Publish edits that were thought of on revision `at`; the number. Errors: Refusal draft_conflict among others."""
    with writing(bench.store.world) as connection:
        draft = create_draft(connection, "", mark, mark)
    work, _ = bench.add(draft.id, documents, mark, None)
    if work.sketch.at != at:
        raise refuse("draft_conflict", "thought of on another revision", "基于其他版本", kind="conflict")
    return publish_draft(bench, draft.id, Wanted(work.draft.version, mark)).revision.number


def add_one(bench: Workbench, told: Told, mark: str, chance: random.Random) -> None:
    """Count up in the note of one of the first units, which all writers share: no count may be lost."""
    at, rows = units_in_force(bench.store)
    code, note, _ = rows[chance.randrange(2)]
    document = {"op": "set", "unit": code, "attributes": {"note": str(int(note or 0) + 1)}}
    told.revisions[draft_and_publish(bench, mark, at, document)] = mark
    told.added += 1


def cut(bench: Workbench, told: Told, mark: str, chance: random.Random) -> None:
    """Split a unit, any but the first ones, or merge two neighbours."""
    at, rows = units_in_force(bench.store)
    code, _, shape = chance.choice(rows[2:])
    beside = [each.code for each in rows[2:] if shapely.relate_pattern(each.geom, shape, "F***1****")]
    beside = [each for each in beside if each[:12] == code[:12]]
    if len(rows) > 14 and beside:
        document: dict[str, Any] = {"op": "merge", "units": [code, beside[0]]}
    else:
        west, _, east, _ = shapely.bounds(shape)
        middle = shapely.point_on_surface(shape).y
        document = {"op": "split", "unit": code, "line": [[west - 1e-4, middle], [east + 1e-4, middle]]}
    told.revisions[draft_and_publish(bench, mark, at, document)] = mark


def take_back(bench: Workbench, told: Told, mark: str, chance: random.Random) -> None:
    """Undo a cut of one's own; a count is never taken back."""
    cut(bench, told, mark, chance)
    made = run_undo(bench.store, max(told.revisions), mark, commit=True)
    assert made.revision is not None
    told.revisions[made.revision.number] = mark


def deliver(bench: Workbench, told: Told, mark: str, chance: random.Random, folder: Path) -> None:
    """Import components, as a file that grows by one."""
    file = folder / f"{mark}.csv"
    if not file.exists():
        file.write_text("code,edition,class_code,name,lon,lat\n")
    count = len(file.read_text().splitlines())
    before = file.read_text()
    file.write_text(before + f"{mark}-{count},2026,01037,灯,{114.05 + count * 1e-4:.4f},22.541\n")
    try:
        report = run_import(bench.store, "components", file, Options(commit=True, author=mark, crs="CRS84"))
    except Refusal:
        file.write_text(before)
        raise
    assert report.revision is not None, report.delivery.faults
    told.revisions[report.revision.number] = mark


def write_on(store: Store, data: Path, folder: Path, mark: str, times: int) -> Told:
    """Do `times` deeds at random, and let the world files follow each as a server does."""
    told, chance = Told(), random.Random(mark)
    bench, worlds = Workbench(store, DOORS), Worlds(store, data, poll_s=0)
    deeds: list[Callable[..., None]] = [add_one, add_one, cut, cut, take_back, deliver]
    for _ in range(times):
        deed = chance.choice(deeds)
        try:
            deed(bench, told, mark, chance, *([folder] if deed is deliver else []))
        except Refusal as refusal:
            if refusal.code not in TOO_LATE:
                told.faults.append(str(refusal))
            told.late += 1
            continue
        except Exception as error:
            told.faults.append(repr(error))
            continue
        number = max(told.revisions)
        if worlds.renew_to(number, 30).revision < number:
            told.faults.append(f"the world never came to {number}")
    return told


def write_in_threads(url: str, data: Path, folder: Path, marks: list[str], times: int) -> list[Told]:
    """Several writers over one store of this process."""
    store = open_store(url, wait_s=60)
    try:
        with ThreadPoolExecutor(len(marks)) as pool:
            return list(pool.map(lambda mark: write_on(store, data, folder, mark, times), marks))
    finally:
        store.close()
