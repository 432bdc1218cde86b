"""Files as a firm brings them back: exported, changed, compared; and the drafts that come of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from api.editing.drafting import DOORS
from api.transfer.comparisons import Compared, Comparison, run_comparison
from api.transfer.exports import export_layer
from api.transfer.imports import Options
from gis.formats import read, write
from gis.store.engine import Store, reading
from gis.store.revisions import head
from gis.store.scope import EVERYTHING
from gis.store.versions import Query, read_rows
from grids.drafts.publishing import Wanted, publish_draft
from grids.drafts.workbench import Workbench


def export(store: Store, layer: str, path: Path) -> Path:
    with reading(store.world) as connection:
        export_layer(connection, layer, path, at=head(connection))
    return path


def bring_in(store: Store, layer: str, path: Path, **wanted: Any) -> Compared:
    options = Options(author="anna", area_layer="drainage" if layer == "areas" else None)
    return run_comparison(store, layer, path, options, Comparison(**wanted))


def counts(found: Compared) -> dict[str, int]:
    return {outcome.value: count for outcome, count in found.merged.counts.items() if count}


def rewrite(path: Path, changes: dict[str, dict[str, Any] | None]) -> Path:
    """The file with some values set by code; None leaves a row out."""
    table = read(path)
    keep = [code not in changes or changes[code] is not None for code in table.columns["code"]]
    columns = {name: column.copy() for name, column in table.columns.items()}
    geometry = None if table.geometry is None else table.geometry.copy()
    for index, code in enumerate(columns["code"].tolist()):
        for name, value in (changes.get(code) or {}).items():
            if name == "geometry":
                assert geometry is not None
                geometry[index] = value
            else:
                columns[name][index] = value
    kept = {name: column[keep] for name, column in columns.items()}
    shapes = None if geometry is None else geometry[keep]
    made = replace(table, columns=kept, geometry=shapes, rows=table.rows[keep])
    write(path, made, notes=table.notes)
    return path


def publish(store: Store, draft_id: str) -> int:
    bench = Workbench(store, DOORS)
    return publish_draft(bench, draft_id, Wanted(bench.look(draft_id).draft.version, "anna")).revision.number


def held(store: Store, table: Any) -> dict[str, dict[str, Any]]:
    with reading(store.world) as connection:
        return {row["code"]: dict(row) for row in read_rows(connection, table, Query(EVERYTHING))}
