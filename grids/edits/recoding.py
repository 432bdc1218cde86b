"""New codes for divisions and units that come below another parent, and the new shapes of the divisions concerned."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import shapely
from shapely import MultiPolygon, Polygon

from gis.errors import Refusal, refuse
from grids.edits.ground import Ground, Key, after
from grids.edits.numbering import check_free, exhausted, next_codes
from grids.edits.rings import Shape
from grids.edits.value import DIVISIONS, UNITS, Edit, Feature

Move = tuple[Feature, str]  # and its new code


def parent_of(ground: Ground, code: str) -> str:
    """The nearest division above a code that is in force, "" when there is none."""
    above = (each for _, each in reversed(ground.profile.ancestors(code)))
    return next((each for each in above if ground.division(each) is not None), "")


def recode(ground: Ground, members: Sequence[Feature], parent: str, given: Mapping[str, str]) -> list[Move]:
    """The new codes of members below a new parent, and of all below the members.

    `given` maps the code of a member to its new one; the others get the next free ones. Errors: Refusal code_form,
    code_taken, code_repeated, numbers_exhausted, code_needed.
    """
    free = [each for each in members if each.code not in given]
    units = sum(each.layer == UNITS for each in free)
    numbers = iter(next_codes(ground, parent, units) if units else ())
    lengths = {len(each.code) for each in free if each.layer == DIVISIONS}
    codes = {length: iter(_next_divisions(ground, parent, length, len(free))) for length in lengths}
    moves: list[Move] = []
    for member in members:
        if member.layer == UNITS:
            code = given.get(member.code) or next(numbers)
            check_free(ground, code, parent)
            moves.append((member, code))
            continue
        code = given.get(member.code) or next(codes[len(member.code)])
        _check_division(ground, member, code, parent)
        below = (*ground.divisions_below(member.code), *ground.units_below(member.code))
        moves += [(each, code + each.code[len(member.code) :]) for each in below]
    if len({code for _, code in moves}) != len(moves):
        raise refuse(
            "code_repeated",
            f"Two members would get the same code below {parent}; give each its own.",
            f"{parent} 下有两个成员的编码相同；请分别给出。",
            thing=parent,
        )
    return moves


def redrawn(
    ground: Ground,
    moves: Sequence[Move],
    retired: Sequence[Feature] = (),
    new: Sequence[Feature] = (),
    lineage: Sequence[tuple[int, int]] = (),
) -> Edit:
    """The edit that recodes, retires and begins, with new shapes for the divisions whose units are not the same."""
    begun = [*(replace(each, code=code) for each, code in moves), *new]
    edit = Edit((*(each for each, _ in moves), *retired), tuple(begun), tuple(lineage))
    later = after(ground, edit)
    touched: dict[Key, Feature] = {}
    ways = {(_community(ground, each.code), _community(ground, code)) for each, code in moves if each.layer == UNITS}
    for old, now in sorted(ways):
        before = {each.key: each for each in _above(ground, old)}
        behind = {each.key: each for each in _above(later, now)}
        touched |= {key: (before | behind)[key] for key in before.keys() ^ behind.keys()}
    for each in retired:
        touched.pop(each.key, None)
    drawn = {key: replace(each, polygon=outline_of(later, each.code)) for key, each in touched.items()}
    other = touched.keys() - {each.key for each in begun}
    return Edit(
        (*edit.ended, *(touched[key] for key in sorted(other))),
        (*(drawn.get(each.key, each) for each in begun), *(drawn[key] for key in sorted(other))),
        edit.lineage,
    )


def division_taken(code: str) -> Refusal:
    """The refusal of a division's code that was given before."""
    return refuse(
        "code_taken",
        f"The code {code}, or one below it, was given before, and a code is never given twice; take a free one.",
        f"编码 {code} 或其下级编码已使用过，编码不得重复使用；请换一个。",
        kind="conflict",
        thing=code,
    )


def _check_division(ground: Ground, member: Feature, code: str, parent: str) -> None:
    if len(code) != len(member.code) or not code.startswith(parent) or not ground.profile.is_division_code(code):
        length = len(member.code)
        raise refuse(
            "code_form",
            f"'{code}' is no code for {member.code} below {parent}: it takes {length} digits that begin with {parent}.",
            f"“{code}”不能作为 {member.code} 划入 {parent} 后的编码：应为以 {parent} 开头的 {length} 位数字。",
            thing=member.code,
        )
    if ground.taken(code):
        raise division_taken(code)


def _next_divisions(ground: Ground, parent: str, length: int, count: int) -> list[str]:
    """The next free codes of a level below a parent; 0 is a placeholder and no number."""
    width = length - len(parent)
    tails = {code[len(parent) : length] for code in ground.taken(parent) if len(code) >= length}
    numbers = {int(tail) for tail in tails if tail.isascii() and tail.isdigit()}
    free = range(max(numbers, default=0) + 1, 10**width)
    if len(free) < count:
        raise exhausted(parent, count, len(free))
    return [f"{parent}{number:0{width}d}" for number in free[:count]]


def _community(ground: Ground, code: str) -> str:
    """All of a unit's code that divisions can be told from, with a character for the unit itself."""
    return code[: ground.profile.levels[-1].length] + "0" if ground.profile.levels else code


def _above(ground: Ground, code: str) -> list[Feature]:
    found = [ground.division(above) for _, above in ground.profile.ancestors(code)]
    return [each for each in found if each is not None]


def outline_of(ground: Ground, code: str) -> Shape | None:
    """The outer edges of the units of a division, None when it has none."""
    units = [each.shape for each in ground.units_below(code)]
    if not units:
        return None
    shape = shapely.orient_polygons(shapely.coverage_union_all(units))
    assert isinstance(shape, Polygon | MultiPolygon)
    return shape
