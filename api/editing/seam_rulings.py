"""A ruling (确权) along a seam, as a draft: a strip beside the edge and a rule that holds in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
import shapely

from api.editing.rulings import Taken, area_unknown, faults_of
from api.editing.seams import SAID
from cases.seams import Side, find_seams, strip
from components.editions import CURRENT
from gis.errors import refuse
from gis.store.engine import reading, writing
from gis.store.revisions import head
from gis.store.scope import EVERYTHING, Scope
from gis.store.versions import Query, read_columns
from grids.drafts.records import create_draft
from grids.drafts.workbench import Workbench
from grids.tables import area, area_layer

LAYER = "rulings"
TITLE = "确权结论"
PRIORITY = 1000
WIDTH_M = 30.0


@dataclass(frozen=True, slots=True)
class Ruling:
    """To whom a class belongs within `width_m` metres of the edge that two areas of a layer share; on what it rests."""

    layer: str
    first: str
    second: str
    class_code: str
    department: str
    edition: str = CURRENT
    kind: str = "component"
    width_m: float = WIDTH_M
    basis: str | None = None
    owner: str | None = None
    """Whose areas are meant, where several owners have these codes."""


def draft_ruling(
    bench: Workbench,
    ruling: Ruling,
    author: str,
    scope: Scope = EVERYTHING,
    allow: Callable[[str], object] = lambda owner: None,
) -> Taken:
    """A draft of the ruling, over the newest revision: to be looked at, replayed and published like any other.

    `scope` says whose areas are known, `allow` refuses owners whose areas are not for the author to settle.

    Errors: Refusal area_unknown, area_ambiguous, owner_differs, seam_unknown; those of the edits and of `allow`.
    """
    with reading(bench.store.world) as connection:
        at = head(connection)
        query = Query(scope, at=at, where={"layer": ruling.layer})
        rows = read_columns(connection, area, query, (*SAID, "geom"))
        layers = read_columns(connection, area_layer, Query(EVERYTHING, at=at), ("code", "owner"))
    owner, places = _find(rows["code"].tolist(), rows["owner"].tolist(), ruling)
    sides = [Side(*(rows[name][each] for name in SAID)) for each in places]
    shapes = np.array([rows["geom"][each] for each in places], dtype=object)
    seams = find_seams(ruling.layer, sides, shapes)
    if not seams:
        raise refuse(
            "seam_unknown",
            f"{ruling.first} and {ruling.second} of {ruling.layer} share no edge, or have the same department.",
            f"{ruling.layer} 的 {ruling.first} 与 {ruling.second} 没有共有的边，或部门相同。",
            kind="missing",
        )
    seam = seams[0]
    allow(owner)
    ruling = replace(ruling, first=seam.first.code, second=seam.second.code)  # one name, whichever is said first
    shape = strip(seam.line, shapely.union_all(shapes), ruling.width_m)
    has_layer = (LAYER, owner) in zip(layers["code"].tolist(), layers["owner"].tolist(), strict=True)
    title = f"{TITLE} {ruling.layer} {ruling.first} | {ruling.second}: {ruling.class_code}"
    with writing(bench.store.world) as connection:
        draft = create_draft(connection, owner, title, author)
    edits = edits_of(ruling, shape, has_layer)
    work = bench.fill(draft, edits, author)
    return Taken(work, (title,), tuple(edits), faults_of(bench.store, work, edits))


def edits_of(ruling: Ruling, shape: shapely.Geometry, has_layer: bool) -> list[dict[str, Any]]:
    """The edits of a draft: the layer of rulings where there is none, the strip, the rule."""
    code = f"{ruling.layer}-{ruling.first}-{ruling.second}"
    name = f"{TITLE} {ruling.first} | {ruling.second}"
    rule = {
        "name": name,
        "edition": ruling.edition,
        "kind": ruling.kind,
        "class": ruling.class_code,
        "area_layer": LAYER,
        "area": code,
        "priority": PRIORITY,
        "to": [{"department": ruling.department}],
        **({"basis": ruling.basis} if ruling.basis else {}),
    }
    layer = {"op": "put", "layer": "area_layers", "code": LAYER, "values": {"title": TITLE, "overlap": "allowed"}}
    values = {"name": name, "department": ruling.department}
    strip_ = {"op": "put", "layer": f"areas.{LAYER}", "code": code, "values": values}
    return [
        *([] if has_layer else [layer]),
        {**strip_, "geometry": orjson.loads(shapely.to_geojson(shape))},
        {"op": "put", "layer": "rules", "code": f"{code}-{ruling.class_code}", "values": rule},
    ]


def _find(codes: list[str], owners: list[str], ruling: Ruling) -> tuple[str, list[int]]:
    """Whose the areas of a ruling are, and which (2,) they are. Errors: Refusal area_unknown, area_ambiguous."""
    held: list[dict[str, int]] = []
    for code in (ruling.first, ruling.second):
        found = {owner: at for at, (each, owner) in enumerate(zip(codes, owners, strict=True)) if each == code}
        held.append({owner: at for owner, at in found.items() if ruling.owner in (None, owner)})
        if not held[-1]:
            raise area_unknown(code, ruling.layer)
    both = sorted(held[0].keys() & held[1].keys())
    if len(both) == 1:
        return both[0], [each[both[0]] for each in held]
    names = f"{ruling.first[:60]} | {ruling.second[:60]}"
    if both:
        all_of = [each or "-" for each in both]
        raise refuse(
            "area_ambiguous",
            f"{', '.join(all_of)} each have areas {names} in {ruling.layer}: name one as owner.",
            f"{'、'.join(all_of)} 在 {ruling.layer} 中均有片区 {names}；请用 owner 指明归属。",
        )
    raise refuse(
        "owner_differs",
        f"{names} have different owners; their ruling is for who stands above both.",
        f"{names} 归属不同，须由其共同上级确权。",
    )
