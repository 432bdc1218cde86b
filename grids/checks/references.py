"""Checks of what points at places and departments: areas, rules and keys."""

from bisect import bisect_left

from gis.errors import Fault
from gis.geometry import place
from grids.checks.findings import Finding, Thing
from grids.checks.subject import Reference
from grids.checks.view import Found, View


def area_without_department(view: View) -> Found:
    """Areas that name no department, or one that is not in force."""
    areas, known = view.subject.areas, view.subject.departments
    found = []
    for k in range(len(areas.uids)):
        code, layer, department = areas.codes[k], areas.layers[k], areas.departments[k]
        if department and (known is None or department in known):
            continue
        if department:
            en = f"The area {code} of {layer} names the department {department}, which is not in force; name another."
            zh = f"片区 {code}（{layer}）的部门 {department} 已不在用；请改为在用部门。"
        else:
            en = f"The area {code} of {layer} names no department, so no case can be sent by it; name one."
            zh = f"片区 {code}（{layer}）未填责任部门，案件无法据此派遣；请填写。"
        shape = areas.polygons[k]
        where = None if shape is None or shape.is_empty or not shape.is_valid else place(shape)
        fault = Fault("area_without_department", en, zh, "warning", None, str(code), where)
        found.append(Finding(fault, (Thing("areas", int(areas.uids[k]), str(code)),)))
    return found


def prefix_gone(view: View) -> Found:
    """Rules, keys and rows for a prefix with which no division and no unit begins."""
    if not view.subject.references:
        return []
    codes = sorted([*view.subject.units.codes.tolist(), *view.subject.divisions.codes.tolist()])
    found = []
    for reference in view.subject.references:
        at = bisect_left(codes, reference.prefix)
        left = reference.prefix == "" or (at < len(codes) and codes[at].startswith(reference.prefix))
        if left if reference.is_gone is None else not reference.is_gone:
            continue
        who, wer = _called(reference)
        to, zu = _heirs(reference)
        en = f"{who} holds for {reference.prefix}, where no division or unit is left{to}; change it."
        zh = f"{wer}限于 {reference.prefix}，该范围内已没有区划和网格{zu}；请修改。"
        fault = Fault("prefix_gone", en, zh, "warning", None, reference.code)
        found.append(_finding(view, reference, fault))
    return found


def prefix_narrowed(view: View) -> Found:
    """Rules, keys and rows for a division from which ground goes to another, where they then do not hold."""
    found = []
    for reference in view.subject.references:
        if reference.is_gone is not False or not reference.heirs:
            continue
        who, wer = _called(reference)
        heirs = ", ".join(reference.heirs)
        en = f"{who} holds for {reference.prefix} and not for the ground that goes from there to {heirs}; "
        en += "if it should, add one."
        zh = f"{wer}限于 {reference.prefix}，不再覆盖由其划入 {heirs} 的范围；如仍需适用，请另行增加。"
        fault = Fault("prefix_narrowed", en, zh, "warning", None, reference.code)
        found.append(_finding(view, reference, fault))
    return found


KINDS = {"rules": ("rule", "规则"), "keys": ("key", "密钥"), "components": ("component", "部件")}


def _called(reference: Reference) -> tuple[str, str]:
    en, zh = KINDS.get(reference.kind, (f"row of {reference.kind}", f"{reference.kind} 的"))
    if reference.count > 1:
        return (
            f"The {en} {reference.code}, with {reference.count - 1} more,",
            f"{zh} {reference.code} 等 {reference.count} 个",
        )
    return f"The {en} {reference.code}", f"{zh} {reference.code} "


def _heirs(reference: Reference) -> tuple[str, str]:
    heirs = ", ".join(reference.heirs)
    return (f" (it is {heirs} now)", f"（现为 {heirs}）") if heirs else ("", "")


def _finding(view: View, reference: Reference, fault: Fault) -> Finding:
    things = (Thing(reference.kind, reference.uid, reference.code), view.division(reference.prefix))
    return Finding(fault, things, {"rows": reference.count})
