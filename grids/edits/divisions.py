"""Edits of divisions: add, rename, merge, divide, transfer. Since the code is the tree, all below is recoded.

Members are what lies directly below: the communities of a street, the units of a community. They are given as a list
of codes, and each gets the next free code below its new parent, or as an object `{old: new}`, for the codes of
divisions are issued elsewhere. What lies below a member keeps the rest of its code. Shapes of units never change; a
division whose units changed gets their outer edges, one that has none left has no shape.

Identity. Uids stay, however often codes change, but for a division that is merged away or divided without keeping its
code, which is retired with its heirs in the lineage. New codes are codes that were never given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gis.errors import Refusal, refuse
from grids.edits.ground import Ground
from grids.edits.recoding import Move, division_taken, outline_of, parent_of, recode, redrawn
from grids.edits.refusals import nothing_changes
from grids.edits.value import DIVISIONS, Edit, Feature

Members = Sequence[str] | Mapping[str, str]


def add_division(ground: Ground, code: str, name: str, department: str | None = None) -> Edit:
    """Add a division. It has the outer edges of the units whose code says that they lie in it, else no shape.

    Errors: Refusal code_form, code_taken, division_unknown (its parent).
    """
    _check_new(ground, code)
    added = _new(ground, ground.placeholder, code, name, department)
    return Edit((), (replace(added, polygon=outline_of(ground, code)),))


def rename_division(ground: Ground, code: str, name: str) -> Edit:
    """Give a division another name. Errors: Refusal division_unknown, nothing_changes."""
    division = existing(ground, code)
    if division.attributes.get("name") == name:
        raise nothing_changes(code)
    return Edit((division,), (replace(division, attributes={**division.attributes, "name": name}),))


def merge_divisions(ground: Ground, codes: Sequence[str], into: str, members: Mapping[str, str] | None = None) -> Edit:
    """Make one division of several of one parent: `into`, one of them, gets the members of the others.

    `members` may say new codes for some members. Errors: Refusal divisions_too_few, division_unknown, parents_differ,
    member_unknown, code_form, code_taken, numbers_exhausted.
    """
    if len(set(codes)) < 2 or len(set(codes)) != len(codes) or into not in codes:
        raise refuse(
            "divisions_too_few",
            "Name at least two divisions, each once, and one of them to merge into.",
            "请至少给出两个不同的区划，并指定其中一个为合并后的区划。",
            thing=into,
        )
    divisions = [existing(ground, code) for code in codes]
    if len({parent_of(ground, code) for code in codes}) > 1:
        raise refuse(
            "parents_differ",
            f"{codes[0]} and the others have not all the same parent; transfer them first.",
            f"{codes[0]} 等区划的上级不同；请先进行划转。",
            thing=codes[0],
        )
    gone = [division for division in divisions if division.code != into]
    moved = [each for division in gone for each in members_of(ground, division.code)]
    heir = next(division for division in divisions if division.code == into)
    lineage = [(division.uid, heir.uid) for division in gone]
    return redrawn(ground, recode(ground, moved, into, members or {}), gone, (), lineage)


def divide_division(ground: Ground, code: str, parts: Sequence[Mapping[str, Any]]) -> Edit:
    """Give the members of a division to several: `parts` are `{"code", "name"?, "department"?, "members"}`.

    A part with the division's own code is the division, changed; without one it is retired. Every member must be in
    one part. A new part needs a name. Errors: Refusal division_unknown, parts_wrong, member_unknown, member_repeated,
    member_missing, parents_differ, code_form, code_taken, numbers_exhausted.
    """
    division = existing(ground, code)
    if not all(map(_is_part, parts)) or len({part["code"] for part in parts}) != len(parts) or len(parts) < 2:
        raise _parts_wrong(code)
    for part in parts:
        _check_part(ground, division, part)
    whose = [member for part in parts for member in part["members"]]
    below = {each.code: each for each in members_of(ground, code)}
    for member in whose:
        if member not in below:
            raise _fault("member_unknown", member, code)
        if whose.count(member) > 1:
            raise _fault("member_repeated", member, code)
    if below.keys() - set(whose):
        raise _fault("member_missing", min(below.keys() - set(whose)), code)
    begun: list[Feature] = []
    moves: list[Move] = []
    for part in (part for part in parts if part["code"] != code):
        uid = ground.placeholder - len(begun)
        begun.append(_new(ground, uid, part["code"], part["name"], part.get("department")))
        given = part["members"] if isinstance(part["members"], Mapping) else {}
        moves += recode(ground, [below[member] for member in part["members"]], part["code"], given)
    lineage = [(division.uid, each.uid) for each in begun]
    return redrawn(ground, moves, [division] if len(begun) == len(parts) else (), begun, lineage)


def transfer(ground: Ground, members: Members, to: str) -> Edit:
    """Bring divisions, or units, below another parent of the same level as theirs.

    Errors: Refusal division_unknown, member_unknown, member_repeated, level_differs, nothing_changes, code_form,
    code_taken, numbers_exhausted.
    """
    existing(ground, to)
    moved = []
    for code in members:
        member = ground.unit(code) or ground.division(code)
        if member is None:
            raise _fault("member_unknown", code, to)
        if len(parent_of(ground, code)) != len(to):
            raise refuse(
                "level_differs",
                f"{code} cannot lie directly below {to}: its parent is {parent_of(ground, code) or 'none'}.",
                f"{code} 不能直接隶属于 {to}：其上级为 {parent_of(ground, code) or '无'}。",
                thing=code,
            )
        if parent_of(ground, code) == to:
            raise nothing_changes(code)
        moved.append(member)
    if len({each.key for each in moved}) != len(list(members)) or not moved:
        raise _fault("member_repeated", next(iter(members), to), to)
    given = members if isinstance(members, Mapping) else {}
    return redrawn(ground, recode(ground, moved, to, given))


def existing(ground: Ground, code: str) -> Feature:
    """The division of a code. Errors: Refusal division_unknown (missing)."""
    division = ground.division(code)
    if division is None:
        raise refuse(
            "division_unknown",
            f"There is no division {code}; check the code, or add it first.",
            f"没有编码为 {code} 的行政区划；请核对编码或先行增加。",
            kind="missing",
            thing=code,
        )
    return division


def members_of(ground: Ground, code: str) -> list[Feature]:
    """What lies directly below a division: the divisions whose nearest division above is this one, else its units."""
    below = [each for each in ground.divisions_below(code) if each.code != code]
    direct = [each for each in below if parent_of(ground, each.code) == code]
    return [*direct, *(each for each in ground.units_below(code) if parent_of(ground, each.code) == code)]


def _new(ground: Ground, uid: int, code: str, name: str, department: str | None) -> Feature:
    level = ground.profile.level_of(code)
    assert level is not None
    fields = {"level": level.id, "name": name, "department": department, "attributes": None}
    return Feature(DIVISIONS, uid, code, None, fields)


def _check_new(ground: Ground, code: str) -> None:
    """Refuse a code that a new division cannot get."""
    if not ground.profile.is_division_code(code):
        lengths = ", ".join(str(level.length) for level in ground.profile.levels) or "no"
        raise refuse(
            "code_form",
            f"'{code}' is no code of a division: it takes {lengths} digits.",
            f"“{code}”不是行政区划编码：应为 {lengths} 位数字。",
            thing=code,
        )
    if code in ground.taken(code):
        raise division_taken(code)
    above = ground.profile.ancestors(code)
    if above and parent_of(ground, code):  # where nothing above is known, it is a widest one
        existing(ground, above[-1][1])


def _is_part(part: Any) -> bool:
    return (
        isinstance(part, Mapping)
        and part.keys() <= {"code", "name", "department", "members"}
        and isinstance(part.get("code"), str)
        and all(isinstance(part.get(name), str | None) for name in ("name", "department"))
        and isinstance(part.get("members"), list | Mapping)
        and all(isinstance(each, str) for each in part["members"])
        and (isinstance(part["members"], list) or all(isinstance(each, str) for each in part["members"].values()))
    )


def _check_part(ground: Ground, division: Feature, part: Mapping[str, Any]) -> None:
    """Refuse a part that is no sibling of the division or cannot get its code."""
    code = part["code"]
    if code == division.code:
        if isinstance(part["members"], Mapping) or not part["members"]:
            raise _parts_wrong(division.code)
        return
    if not part.get("name") or not part["members"]:
        raise _parts_wrong(division.code)
    _check_new(ground, code)
    if len(code) != len(division.code) or parent_of(ground, code) != parent_of(ground, division.code):
        raise refuse(
            "parents_differ",
            f"{code} is no sibling of {division.code}; a part has the same level and the same parent.",
            f"{code} 与 {division.code} 不属于同一上级的同级区划。",
            thing=code,
        )


def _parts_wrong(code: str) -> Refusal:
    return refuse(
        "parts_wrong",
        f"{code} is divided into two parts or more, each with a code of its own, members and, when new, a name; the "
        "part that keeps the code lists members without new codes.",
        f"{code} 应拆分为两个以上部分，每部分须有各自的编码和成员，新区划须有名称；"
        "保留原编码的部分只列成员，不改其编码。",
        thing=code,
    )


MEMBER_FAULTS = {
    "member_unknown": ("is not what lies directly below", "不是其直接下级"),
    "member_repeated": ("comes twice, or gets the code of another member, below", "重复出现或与其他成员编码相同"),
    "member_missing": ("is in no part; say where it goes, below", "未分配到任何部分"),
}


def _fault(name: str, member: str, division: str) -> Refusal:
    en, zh = MEMBER_FAULTS[name]
    return refuse(name, f"{member} {en} {division}.", f"{division}：{member} {zh}。", thing=member)
