"""Checks of what points at places and departments: areas, rules and keys."""

from bisect import bisect_left

from gis.errors import Fault
from gis.geometry import place
from grids.checks.findings import Finding, Thing
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
    """Rules and keys for a prefix with which no division and no unit begins."""
    if not view.subject.references:
        return []
    codes = sorted([*view.subject.units.codes.tolist(), *view.subject.divisions.codes.tolist()])
    found = []
    for reference in view.subject.references:
        at = bisect_left(codes, reference.prefix)
        if reference.prefix == "" or (at < len(codes) and codes[at].startswith(reference.prefix)):
            continue
        who, wer = ("rule", "规则") if reference.kind == "rules" else ("key", "密钥")
        en = f"The {who} {reference.code} holds for {reference.prefix}, where no division or unit is left; change it."
        zh = f"{wer} {reference.code} 限于 {reference.prefix}，该范围内已没有区划和网格；请修改。"
        things = (Thing(reference.kind, reference.uid, reference.code), view.division(reference.prefix))
        found.append(Finding(Fault("prefix_gone", en, zh, "warning", None, reference.code), things))
    return found
