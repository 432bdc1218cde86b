"""Drafts as they are told: JSON members, for HTTP and for the command line."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
import shapely
from sqlalchemy import Connection

from api.keys import list_keys
from api.worlds import Worlds
from cases.desk import Desk
from cases.doors import RULE_DOORS
from cases.impact import SHOWN, Moved, differing, moved_cases, moved_components, reach_of, resized
from cases.reports import Defaults
from components.doors import COMPONENT_DOORS
from gis.errors import Fault
from gis.store.engine import Store, reading
from gis.store.revisions import Revision
from grids.checks import CHECKS, Reference, Report
from grids.drafts.doors import Doors
from grids.drafts.grid_doors import GRID_DOORS
from grids.drafts.publishing import Published
from grids.drafts.records import Draft, DraftEdit, list_edits
from grids.drafts.workbench import Work, Workbench
from grids.edits.value import DIVISIONS, UNITS, Edit, Feature
from grids.features import area_of

NOW = timedelta(seconds=5)
"""What holds since a moment so near to its recording is not published into the past."""
MOST_CHANGES = 5_000
NONE_DIFFER = {"differing": [], "differing_complete": True}
DOORS = Doors({**GRID_DOORS, **COMPONENT_DOORS, **RULE_DOORS})


def holders(connection: Connection) -> Iterator[Reference]:
    """The keys of callers, which hold for a prefix as rules do; those revoked hold for nothing."""
    for key in list_keys(connection):
        if key.revoked_at is None:
            yield Reference("keys", key.name, key.prefix)


def tell_draft(draft: Draft) -> dict[str, Any]:
    """A draft without its edits."""
    return {
        "id": draft.id,
        "owner": draft.owner,
        "title": draft.title,
        "author": draft.author,
        "state": draft.state,
        "version": draft.version,
        "base": draft.base,
        "revision": draft.revision,
        "created_at": draft.created_at,
        "changed_at": draft.changed_at,
    }


def tell_work(bench: Workbench, work: Work) -> dict[str, Any]:
    """A draft with its edits, and what keeps it from the newest revision."""
    with reading(bench.store.world) as connection:
        edits = list_edits(connection, work.draft.id)
    return {
        **tell_draft(work.draft),
        "newest": work.newest,
        "edits": [_tell_edit(each) for each in edits],
        "conflicts": [each.as_dict() for each in work.conflicts],
    }


def _tell_edit(edit: DraftEdit) -> dict[str, Any]:
    return {
        "position": edit.position,
        "edit": edit.document,
        "author": edit.author,
        "made_at": edit.made_at,
        "undone": edit.undone,
    }


def tell_changes(edit: Edit, most: int | None = MOST_CHANGES) -> dict[str, Any]:
    """What an edit changes, as GeoJSON, with the lineage by codes and the notes.

    What is new and not yet published has the uid null. Of more than `most` features the first are told, and how many
    more there are: an import may change a hundred thousand, which tiles and items of the draft show.
    """
    ended, begun = {each.key: each for each in edit.ended}, {each.key: each for each in edit.begun}
    keys = [*begun, *(key for key in ended if key not in begun)]
    codes = {each.uid: each.code for each in (*edit.ended, *edit.begun)}
    pairs = [{"from": codes.get(source), "to": codes.get(target)} for source, target in edit.lineage]
    return {
        "type": "FeatureCollection",
        "features": [_tell_feature(ended.get(key), begun.get(key)) for key in keys[:most]],
        "left_out": 0 if most is None else max(0, len(keys) - most),
        "lineage": pairs,
        "notes": [each.as_dict() for each in edit.notes],
    }


def _tell_feature(old: Feature | None, new: Feature | None) -> dict[str, Any]:
    shown = new or old
    assert shown is not None
    properties: dict[str, Any] = {
        "layer": shown.layer,
        "code": shown.code,
        "uid": shown.uid if shown.uid > 0 else None,
        "change": "retired" if new is None else "created" if old is None else "changed",
    }
    if old is not None and new is not None and old.code != new.code:
        properties["code_before"] = old.code
    if shown.layer == UNITS:
        properties["area_m2"] = None if new is None else area_of(new)
        properties["area_m2_before"] = None if old is None else area_of(old)
    properties["attributes"] = dict(shown.attributes)
    geometry = None if shown.polygon is None else orjson.loads(shapely.to_geojson(shown.polygon))
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def tell_report(report: Report, at: int, rules: Sequence[Fault] = ()) -> dict[str, Any]:
    """What the checks of a draft found; `rules` is what it leaves wrong with the rule book."""
    told = [each.as_dict() for each in rules]
    return {"at": at, "ran": len(report.ran), "checks": len(CHECKS), **report.as_dict(), "rules": told}


def tell_revision(made: Revision) -> dict[str, Any]:
    """A revision as the list of them has it."""
    return {
        "number": made.number,
        "recorded_at": made.recorded_at,
        "effective_at": made.effective_at,
        "author": made.author,
        "note": made.note,
        "basis": made.basis,
        "counts": made.counts,
    }


def tell_impact(bench: Workbench, work: Work, desks: tuple[Desk, Desk], defaults: Defaults) -> dict[str, Any]:
    """What a draft means for what is not in it; `desks` are those without and with it."""
    store, sketch = bench.store, work.sketch
    with reading(store.world) as connection:
        references = bench.references(connection, sketch)
        seen, components = moved_components(connection, sketch)
        reach = reach_of(connection, sketch)
    with reading(store.log) as log:
        routed, complete, cases = moved_cases(log, reach, *desks, defaults)
    return {
        "at": sketch.at,
        "units": [asdict(each) for each in resized(sketch, UNITS)[:SHOWN]],
        "divisions": [asdict(each) for each in resized(sketch, DIVISIONS)[:SHOWN]],
        "references": [_tell_reference(each) for each in references],
        "components_seen": seen,
        "components_moved": len(components),
        "components": [
            {"code": each.name[0], "before": each.before, "after": each.after} for each in components[:SHOWN]
        ],
        "cases_seen": routed,
        "cases_complete": complete,
        "cases": [_tell_case(each) for each in cases[:SHOWN]],
    }


def _tell_reference(reference: Reference) -> dict[str, Any]:
    return {
        "layer": reference.kind,
        "code": reference.code,
        "prefix": reference.prefix,
        "change": "gone" if reference.is_gone else "narrowed",
        "heirs": list(reference.heirs),
        "rows": reference.count,
    }


def tell_differing(store: Store, made: Published, worlds: Worlds, defaults: Defaults) -> dict[str, Any]:
    """The decisions since a revision holds that would be others, and whether these are all.

    There are none for one that holds since it was recorded.
    """
    since = made.revision.effective_at
    if since >= made.revision.recorded_at - NOW:
        return dict(NONE_DIFFER)
    with reading(store.world) as connection:
        reach = reach_of(connection, made.sketch)
    with reading(store.log) as log:
        complete, found = differing(log, reach, since, worlds.renew_to(made.revision.number), defaults)
    return {
        "differing": [_tell_case(each) for each in found[:SHOWN]],
        "differing_complete": complete and len(found) <= SHOWN,
    }


def _tell_case(case: Moved) -> dict[str, Any]:
    source, case_id = case.name
    return {"source": source, "id": case_id, "unit": case.unit, "before": case.before, "after": case.after}
