"""Checks of codes: their form, that each is given once, and that the divisions they lie in are there."""

from collections import defaultdict

from gis.errors import Fault
from grids.checks.findings import Finding, Thing
from grids.checks.view import Found, View


def code_form(view: View) -> Found:
    """Units whose code has not the form that the profile asks for."""
    profile, codes = view.subject.profile, view.subject.units.codes
    length = profile.unit_length
    found = []
    for k in view.chosen.tolist():
        if profile.is_unit_code(codes[k]):
            continue
        form = ("a unit has a code", "网格应有编码") if length is None else _digits(length)
        en = f"'{codes[k]}' has not the form of a unit's code: {form[0]}."
        zh = f"“{codes[k]}”不符合单元网格编码规则：{form[1]}。"
        fault = Fault("code_form", en, zh, "error", None, codes[k], view.where([k]))
        found.append(Finding(fault, (view.unit(k),)))
    return found


def _digits(length: int) -> tuple[str, str]:
    return f"{length} digits are wanted", f"应为 {length} 位数字"


def code_duplicate(view: View) -> Found:
    """Codes that more than one unit has."""
    codes = view.subject.units.codes.tolist()
    wanted = None if view.touched is None else {codes[k] for k in view.chosen}
    users: dict[str, list[int]] = defaultdict(list)
    for k, code in enumerate(codes):
        if wanted is None or code in wanted:
            users[code].append(k)
    found = []
    for code, units in users.items():
        if len(units) == 1:
            continue
        en = f"{len(units)} units have the code {code}; a code belongs to one alone."
        zh = f"{len(units)} 个网格使用同一编码 {code}；一个编码只能属于一个网格。"
        fault = Fault("code_duplicate", en, zh, "error", None, code, view.where(units[1:]))
        found.append(Finding(fault, tuple(map(view.unit, units)), {"units": len(units)}))
    return found


def code_reused(view: View) -> Found:
    """Units that have the retired code of another, where no renumbering with reuse allows it."""
    units, retired = view.subject.units, view.subject.retired
    found = []
    for k, code in enumerate(units.codes.tolist() if retired else []):
        if retired.get(code, units.uids[k]) == units.uids[k] or code[: view.community_length] in view.subject.recoded:
            continue
        en = f"The code {code} belonged to a unit that was retired; give a free number, or recode the community."
        zh = f"编码 {code} 曾属于已注销的网格，不得再用；请取新号，或对整个社区重新编码。"
        fault = Fault("code_reused", en, zh, "error", None, code, view.where([k]))
        found.append(Finding(fault, (view.unit(k), Thing("units", int(retired[code]), code))))
    return found


def division_unknown(view: View) -> Found:
    """Prefixes of units' codes that no division has, the widest of each unit; levels without any are not in use."""
    known = set(view.subject.divisions.codes.tolist())
    lengths = {len(code) for code in known}
    missing: dict[str, list[int]] = defaultdict(list)
    for units in view.communities.values():
        for level, code in view.subject.profile.ancestors(view.subject.units.codes[units[0]]):
            if level.length in lengths and code not in known:
                missing[code] += units.tolist()
                break
    if view.touched is not None:
        missing = {code: _below(view, code) for code in missing}
    return [_unknown(view, code, units) for code, units in missing.items()]


def _below(view: View, prefix: str) -> list[int]:
    fits = view.subject.profile.is_unit_code
    return [k for k, code in enumerate(view.subject.units.codes.tolist()) if code.startswith(prefix) and fits(code)]


def _unknown(view: View, code: str, units: list[int]) -> Finding:
    level = view.subject.profile.level_of(code)
    assert level is not None
    units = sorted(units, key=lambda k: (view.subject.units.codes[k], k))
    en = f"The codes of {len(units)} units lie in the {level.en} {code}, which there is not; correct them or add it."
    zh = f"{len(units)} 个网格的编码属于{level.zh} {code}，但没有该行政区划；请更正编码或增加区划。"
    fault = Fault("division_unknown", en, zh, "error", None, code, view.where(units))
    return Finding(fault, (*map(view.unit, units), view.division(code)), {"units": len(units)})
