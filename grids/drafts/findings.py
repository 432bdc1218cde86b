"""The checks of a draft: run on what it touches and its neighbours, with all that lies around."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import shapely
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
from grids.tables import department, unit


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a draft touches once its edits hold: `touched` units, those beside them, and all that lies around these."""

    touched: tuple[Feature, ...]
    beside: tuple[Feature, ...]
    around: tuple[Feature, ...]
    gaps: tuple[Feature, ...]


def surroundings(ground: Drafted, edit: Edit) -> Surroundings:
    """The units that an edit begins or whose ground it frees, and what is around them. Read by community, not whole."""
    length = community_length(ground.profile)
    begun = [each for each in edit.begun if each.layer == UNITS]
    freed = [each for each in edit.ended if each.layer == UNITS]
    near: dict[int, Feature] = {}
    gaps: dict[int, Feature] = {}
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
        gaps |= {each.uid: each for each in ground.followers(whole) if each.layer == GAPS}
    touched = {each.uid: each for each in begun}
    rest = {uid: each for uid, each in beside.items() if uid not in touched}
    return Surroundings(tuple(begun), tuple(rest.values()), tuple({**near, **touched}.values()), tuple(gaps.values()))


def _touching(units: list[Feature], shapes: Sequence[shapely.Geometry]) -> list[Feature]:
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
    uids = {each.uid for each in (*around.touched, *around.beside, *around.gaps, *areas)}
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
    found = [ground.division(code) for code in sorted(above)]
    return [each for each in found if each is not None]


def _retired(connection: Connection, edit: Edit) -> dict[str, int]:
    """The codes that the edit gives and another uid had before."""
    given = {each.code: each.uid for each in edit.begun if each.layer == UNITS}
    codes, found = sorted(given), dict[str, int]()
    for start in range(0, len(codes), AT_ONCE):
        known = select(unit.c.code, unit.c.uid).where(unit.c.code.in_(codes[start : start + AT_ONCE]))
        found |= {code: uid for code, uid in connection.execute(known) if given[code] != uid}
    return found


def _recoded(edit: Edit, length: int) -> set[str]:
    """Communities whose units exchange codes, which only a renumbering with reuse does."""
    before = {each.uid: each.code for each in edit.ended if each.layer == UNITS}
    return {each.code[:length] for each in edit.begun if before.get(each.uid, each.code) != each.code}
