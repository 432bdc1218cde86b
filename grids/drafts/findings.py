"""The checks of a draft: run on what it touches and its neighbours, with all that lies around."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import shapely
from shapely.errors import GEOSException
from sqlalchemy import Connection, select

from gis.cover import TOUCHING_DEG
from gis.errors import Fault, Refusal
from gis.store.vicinity import AT_ONCE
from grids.checks import CHECKS, Areas, Divisions, Gaps, Report, Subject, Targets, Touched, Units, run
from grids.drafts.sketch import Sketch, Standing
from grids.edits.ground import Drafted, bounds, enclosing
from grids.edits.numbering import community_length
from grids.edits.value import DIVISIONS, GAPS, UNITS, Edit, Feature
from grids.features import AREAS
from grids.ground import StoreGround
from grids.tables import department, unit


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a draft touches once its edits hold: `touched` units, those beside them, and all that lies around these.

    `gaps` are the named gaps among all that; `gaps_beside` those that meet what is touched.
    """

    touched: tuple[Feature, ...]
    beside: tuple[Feature, ...]
    around: tuple[Feature, ...]
    gaps: tuple[Feature, ...]
    gaps_beside: tuple[Feature, ...] = ()


def surroundings(ground: Drafted, edit: Edit) -> Surroundings:
    """The units that an edit begins or whose ground it frees, and what is around them. Read by community, not whole."""
    length = community_length(ground.profile)
    begun = [each for each in edit.begun if each.layer == UNITS]
    freed = [each for each in edit.ended if each.layer == UNITS]
    near: dict[int, Feature] = {}
    gaps: dict[int, Feature] = {}
    gaps_beside: dict[int, Feature] = {}
    beside: dict[int, Feature] = {}
    groups: dict[str, list[Feature]] = {}
    for each in (*begun, *freed, *(each for each in (*edit.begun, *edit.ended) if each.layer == GAPS)):
        groups.setdefault(each.code[:length], []).append(each)
    for group in groups.values():
        shapes = [each.shape for each in group]
        touching = _touching(list(ground.units(enclosing([bounds(each) for each in shapes]))), shapes)
        beside |= {each.uid: each for each in touching}
        whole = enclosing([bounds(each.shape) for each in (*group, *touching)])
        near |= {each.uid: each for each in ground.units(whole)}
        held = [each for each in ground.followers(whole) if each.layer == GAPS]
        gaps |= {each.uid: each for each in held}
        gaps_beside |= {each.uid: each for each in _touching(held, shapes)}
    _fill(ground, near, gaps)
    touched = {each.uid: each for each in begun}
    _accompany(ground, length, near, [*begun, *beside.values()])
    rest = {uid: each for uid, each in beside.items() if uid not in touched}
    return Surroundings(
        tuple(begun),
        tuple(rest.values()),
        tuple({**near, **touched}.values()),
        tuple(gaps.values()),
        tuple(gaps_beside.values()),
    )


def _fill(ground: Drafted, near: dict[int, Feature], gaps: dict[int, Feature]) -> None:
    """Add who has the ground that all these enclose: far out it may be others', and would be taken for a gap."""
    looked = 0
    while looked < len(near) + len(gaps):
        looked = len(near) + len(gaps)
        for hole in _holes([each.shape for each in (*near.values(), *gaps.values())]):
            box = bounds(hole)
            units, others = ground.units(box), (each for each in ground.followers(box) if each.layer == GAPS)
            for known, found in ((near, units), (gaps, others)):
                for each in found:
                    if each.uid not in known and shapely.relate_pattern(hole, each.shape, "T********"):
                        known[each.uid] = each


def _accompany(ground: Drafted, length: int, near: dict[int, Feature], units: Sequence[Feature]) -> None:
    """Add another unit of each community of which one is known: whether it stands apart hangs on there being more.

    Without it a unit far from all others of its community would be taken for the only one.
    """
    known = Counter(each.code[:length] for each in {**near, **{each.uid: each for each in units}}.values())
    for community in sorted({each.code[:length] for each in units}):
        if known[community] == 1:
            near |= {each.uid: each for each in ground.units_below(community)[:2]}


def _holes(shapes: Sequence[shapely.Geometry]) -> list[shapely.Polygon]:
    try:
        covered = shapely.coverage_union_all(shapes)
    except GEOSException:  # some overlap, as named gaps may a little
        covered = shapely.union_all(shapes)
    return [shapely.Polygon(ring) for part in shapely.get_parts(covered) for ring in part.interiors]


def _touching(units: Sequence[Feature], shapes: Sequence[shapely.Geometry]) -> list[Feature]:
    if not units:
        return []
    tree = shapely.STRtree([each.shape for each in units])
    _, found = tree.query(shapes, predicate="dwithin", distance=TOUCHING_DEG)
    return [units[index] for index in sorted(set(found.tolist()))]


def check_draft(connection: Connection, sketch: Sketch, part: Edit | None = None) -> Report:
    """What the checks find of a draft, or of a part of its edits: in what it changes, and beside it."""
    edit = sketch.edit if part is None else part
    if not edit.begun and not edit.ended:
        return Report((), tuple(CHECKS))
    ground = sketch.on(connection)
    around = surroundings(ground, edit)
    standing = Standing(connection, sketch, ground.placeholder)
    areas = [each for each in edit.begun if each.layer.startswith(AREAS)]
    codes = {each.code for each in (*around.touched, *around.beside)}
    divisions = _divisions(ground, codes)
    subject = Subject(
        units=Units.of(*_columns(around.around)),
        gaps=Gaps.of(
            [each.uid for each in around.gaps],
            [each.attributes["name"] for each in around.gaps],
            [each.polygon for each in around.gaps],
        ),
        divisions=Divisions.of([each.uid for each in divisions], [each.code for each in divisions]),
        areas=Areas.of(
            [each.uid for each in areas],
            [each.layer.removeprefix(AREAS) for each in areas],
            [each.code for each in areas],
            [each.attributes["department"] for each in areas],
            [each.polygon for each in areas],
        ),
        departments=standing.codes("departments", department) if areas else None,
        retired=_retired(connection, edit),
        recoded=_recoded(edit, community_length(ground.profile)),
        profile=ground.profile,
        targets=Targets.of_profile(ground.profile),
    )
    uids = {each.uid for each in (*around.touched, *around.beside, *around.gaps_beside, *areas)}
    uids |= {each.uid for each in (*edit.begun, *edit.ended)}
    changed = {each.code for each in (*edit.begun, *edit.ended) if each.layer in (UNITS, DIVISIONS)}
    return run(subject, Touched(uids, changed))


def refuse_blocked(report: Report) -> None:
    """Refuse what may never be published, each finding with its place and what to do. Errors: Refusal draft_blocked."""
    blocking = report.blocks
    if not blocking:
        return
    first = Fault(
        "draft_blocked",
        f"The draft cannot be published: {len(blocking)} findings must be mended first.",
        f"草稿不能发布：须先处理 {len(blocking)} 个问题。",
        where=blocking[0].where,
    )
    hints = [CHECKS[each.check].hint for each in blocking]
    faults = [
        replace(each.fault, en=f"{each.fault.en} {hint[0]}", zh=each.fault.zh + hint[1], severity="error")
        for each, hint in zip(blocking, hints, strict=True)
    ]
    raise Refusal([first, *faults])


def _columns(units: Iterable[Feature]) -> tuple[list[int], list[str], list[object]]:
    listed = list(units)
    return [each.uid for each in listed], [each.code for each in listed], [each.polygon for each in listed]


def _divisions(ground: Drafted, codes: set[str]) -> list[Feature]:
    """The divisions above units; no outlines, since these follow from the units."""
    above = {division for code in codes for _, division in ground.profile.ancestors(code)}
    if isinstance(ground.base, StoreGround):
        ground.base.read_divisions(above)
    found = [ground.division(code) for code in sorted(above)]
    return [each for each in found if each is not None]


def _retired(connection: Connection, edit: Edit) -> dict[str, int]:
    """The codes that the edit gives and another uid had before. Who has a code and keeps it is given none."""
    kept = {(each.uid, each.code) for each in edit.ended if each.layer == UNITS}
    given = {each.code: each.uid for each in edit.begun if each.layer == UNITS and (each.uid, each.code) not in kept}
    codes, found = sorted(given), dict[str, int]()
    for start in range(0, len(codes), AT_ONCE):
        known = select(unit.c.code, unit.c.uid).where(unit.c.code.in_(codes[start : start + AT_ONCE]))
        found |= {code: uid for code, uid in connection.execute(known) if given[code] != uid}
    return found


def _recoded(edit: Edit, length: int) -> set[str]:
    """Communities whose units exchange codes, which only a renumbering with reuse does."""
    before = {each.uid: each.code for each in edit.ended if each.layer == UNITS}
    return {each.code[:length] for each in edit.begun if before.get(each.uid, each.code) != each.code}
