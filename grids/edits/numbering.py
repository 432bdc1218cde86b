"""Codes for what an edit makes, and the renumbering of a community.

A code is never given to another uid. New units get the next free numbers of their community: those after the highest
number that was ever given, and when these run out the lowest that never was. Only a renumbering with `reuse` gives
codes again: it numbers the whole community from 1, north to south in bands as high as a middling unit and west to east
within a band.
"""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from gis.errors import Refusal, refuse
from grids.edits.ground import Ground, bounds
from grids.edits.refusals import nothing_changes, on
from grids.edits.value import Edit, Feature
from grids.profiles import CodeProfile


def community_length(profile: CodeProfile) -> int:
    """How many characters of a unit's code name its community; 0 when units lie in no division."""
    return profile.levels[-1].length if profile.levels else 0


def community_of(profile: CodeProfile, code: str) -> str:
    """The community that a unit's code says it lies in."""
    return code[: community_length(profile)]


def next_codes(ground: Ground, community: str, count: int) -> list[str]:
    """The next `count` free codes of a community. Errors: Refusal code_needed, numbers_exhausted."""
    width = number_width(ground.profile)
    given = numbers(ground, community)
    last = 10**width - 1
    after = range(max(given, default=0) + 1, last + 1)
    chosen = [*after[:count]]
    if len(chosen) < count:
        chosen += [number for number in range(1, after.start) if number not in given][: count - len(chosen)]
    if len(chosen) < count:
        raise exhausted(community, count, len(chosen))
    return [f"{community}{number:0{width}d}" for number in chosen]


def number_width(profile: CodeProfile) -> int:
    """How many digits number a unit in its community. Errors: Refusal code_needed where codes are free text."""
    if profile.unit_length is None:
        raise refuse(
            "code_needed",
            "Codes of this store are free text, so no next one follows: say which codes the new units get.",
            "本库的编码为任意文本，无法自动编号；请给出新网格的编码。",
        )
    return profile.unit_length - community_length(profile)


def numbers(ground: Ground, community: str) -> set[int]:
    """The numbers that units of a community have or had."""
    length = ground.profile.unit_length
    tails = (code[len(community) :] for code in ground.taken(community) if len(code) == length)
    return {int(tail) for tail in tails if tail.isascii() and tail.isdigit()}


def check_free(ground: Ground, code: str, community: str) -> None:
    """Refuse a code that a new unit of a community cannot get. Errors: Refusal code_form, code_taken."""
    if not ground.profile.is_unit_code(code) or not code.startswith(community):
        length = ground.profile.unit_length
        form = f"{length} digits" if length else "any text that is not empty"
        form_zh = f"{length} 位数字" if length else "非空文本"
        if community:
            form, form_zh = f"{form} that begin with {community}", f"以 {community} 开头的{form_zh}"
        raise refuse(
            "code_form",
            f"'{code}' is no code for a unit here: it takes {form}.",
            f"“{code}”不能用作此处的网格编码：应为{form_zh}。",
            thing=code,
        )
    if code in ground.taken(code):
        raise refuse(
            "code_taken",
            f"The code {code} was given before, and a code is never given twice; take a free one or leave it out.",
            f"编码 {code} 已使用过，编码不得重复使用；请换一个或不填。",
            kind="conflict",
            thing=code,
        )


def exhausted(community: str, wanted: int, left: int) -> Refusal:
    """The refusal when a community has not enough numbers."""
    return refuse(
        "numbers_exhausted",
        f"{community} has {left} free numbers left and {wanted} are needed; renumber it with reuse.",
        f"{community} 仅剩 {left} 个可用编号，需要 {wanted} 个；请以 reuse 重新编号。",
        kind="conflict",
        thing=community,
    )


def renumber(ground: Ground, community: str, reuse: bool = False) -> Edit:
    """Give every unit of a community a new code in reading order; uids and shapes stay.

    Without `reuse` the codes are new ones, which refuses when there are not enough; with it the community is numbered
    from 1 and codes may go to other uids. Errors: Refusal community_unknown, numbers_exhausted, nothing_changes.
    """
    width = number_width(ground.profile)
    units = ground.units_below(community) if len(community) == community_length(ground.profile) else ()
    if not units:
        raise refuse(
            "community_unknown",
            f"No unit lies in a community {community}; give the code of a community that has units.",
            f"没有属于社区 {community} 的单元网格；请给出有网格的社区编码。",
            kind="missing",
            thing=community,
        )
    if reuse and len(units) >= 10**width:
        raise exhausted(community, len(units), 10**width - 1)
    codes = (
        [f"{community}{number:0{width}d}" for number in range(1, len(units) + 1)]
        if reuse
        else next_codes(ground, community, len(units))
    )
    pairs = [(unit, code) for unit, code in zip(reading_order(units), codes, strict=True) if unit.code != code]
    if not pairs:
        raise nothing_changes(community)
    return Edit(tuple(unit for unit, _ in pairs), tuple(replace(unit, code=code) for unit, code in pairs))


def reading_order(units: Sequence[Feature]) -> list[Feature]:
    """Units north to south in bands as high as a middling unit, in a band west to east."""
    boxes = [bounds(unit.shape) for unit in units]
    band = median(north - south for _, south, _, north in boxes)
    top = max(north for *_, north in boxes)
    rows = [int((top - (south + north) / 2) / band) for _, south, _, north in boxes]
    order = sorted(range(len(units)), key=lambda index: (rows[index], boxes[index][0] + boxes[index][2], index))
    return [units[index] for index in order]


def neighbourhood(ground: Ground, units: Sequence[Feature]) -> str:
    """The one community of several units. Errors: Refusal communities_differ."""
    found = sorted({community_of(ground.profile, unit.code) for unit in units})
    if len(found) > 1:
        raise refuse(
            "communities_differ",
            f"{units[0].code} and the others lie in several communities ({', '.join(found)}): ground does not change "
            "its community this way; transfer it by divisions.",
            f"{units[0].code} 等网格分属不同社区（{'、'.join(found)}）：不能以此方式变更所属社区，请使用区划调整。",
            thing=units[0].code,
            where=on(units[-1].shape),
        )
    return found[0]
