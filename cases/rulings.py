"""Rulings (确权结论): who has to deal with what, settled on site, as edits of the rule book or of an area.

A ruling about an area alone gives the area another department; every other becomes a rule that goes before those which
decided until now. Both quote the ruling: its number and date, its document and what it says.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cases.instants import FIRST_YEAR
from cases.reports import Case
from cases.rules import Rule, RuleBook, parse, written
from gis.errors import Fault, refuse

BASIS: Final = ("number", "date", "document", "text", "url")
MEMBERS: Final = (*BASIS, "name", "department", "edition", "kind", "class", "class_prefix", "condition", "place",
                  "area_layer", "area")  # fmt: skip
MOST: Final = 500
"""Rulings at once: each becomes an edit of the draft, which is looked at with those before it."""
_DAY: Final = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?", re.ASCII)
PREFIX: Final = "ruling-"
QUOTED: Final = "ruling"
"""The attribute of an area that quotes the ruling."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A ruling as a rule: `rule.to` is the department, `rule.basis` what it is quoted by. Without a class and a place
    but with an area it is the area that changes.
    """

    rule: Rule

    @property
    def is_of_area(self) -> bool:
        """Whether it settles whose an area is."""
        rule = self.rule
        asked = (rule.edition, rule.kind, rule.class_code, rule.class_prefix, rule.condition, rule.place)
        return rule.area is not None and not any(asked)

    def owned_by(self, owner: str) -> "Ruling":
        """The same for a division that owns the rule."""
        return Ruling(replace(self.rule, owner=owner))

    @property
    def quoted(self) -> str:
        """The ruling in one line."""
        basis = self.rule.basis
        assert basis is not None
        return " ".join(each for each in (basis.document, basis.number, basis.date) if each)


def read_rulings(document: Any, owner: str | None = None) -> tuple[list[Ruling], list[Fault]]:
    """The rulings of a document `{"owner": …, "rulings": […]}`, and what is wrong with it; positions from 1 as rows."""
    listed = document.get("rulings") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or not listed or set(document) - {"owner", "rulings"}:
        return [], [
            Fault(
                "rulings_missing",
                "The document must have the members rulings, a list of rulings, and owner if any.",
                "文档须含 rulings（确权结论列表），可含 owner。",
            )
        ]
    if len(listed) > MOST:
        return [], [
            Fault(
                "rulings_many",
                f"At most {MOST} rulings are taken in at once, not {len(listed)}; take them into one draft in parts.",
                f"一次最多写入 {MOST} 条确权结论，现为 {len(listed)} 条；请分批写入同一草稿。",
            )
        ]
    faults: list[Fault] = []
    rules = []
    for row, each in enumerate(listed, 1):
        faults += _incomplete(each, row) + _misquoted(each, row)
        rules.append(_as_rule(each) if isinstance(each, Mapping) else each)
    whole = {**({"owner": document["owner"]} if "owner" in document else {}), "rules": rules}
    found, wrong = parse(whole, owner)
    faults += wrong
    return [Ruling(rule) for rule in found], faults


def _incomplete(each: Any, row: int) -> list[Fault]:
    """What a ruling lacks that no rule needs: by what it is quoted, for whom it is, and about what."""
    if not isinstance(each, Mapping):
        return []
    faults = []
    unknown = ", ".join(sorted(str(name)[:40] for name in each if name not in MEMBERS))
    if unknown:
        faults.append(
            Fault(
                "unknown_field",
                f"Ruling {row}: there is no member {unknown}; members are {', '.join(MEMBERS)}.",
                f"第{row}条确权结论：不认识字段{unknown}；可用字段：{'、'.join(MEMBERS)}。",
                row=row,
            )
        )
    lacking = [name for name in ("number", "date", "department") if not each.get(name)]
    if lacking:
        faults.append(
            Fault(
                "ruling_incomplete",
                f"Ruling {row} lacks {', '.join(lacking)}: a ruling is quoted by number and date, and names who it is.",
                f"第{row}条确权结论缺少{'、'.join(lacking)}：须有文号、日期和责任部门。",
                row=row,
            )
        )
    if not any(each.get(name) for name in ("class", "class_prefix", "place", "area")):
        faults.append(
            Fault(
                "ruling_of_everything",
                f"Ruling {row} names no class, place or area, so it would settle everything: say what it is about.",
                f"第{row}条确权结论未写明类别、地点或片区，等于裁定全部事项：请写明范围。",
                row=row,
            )
        )
    return faults


def _misquoted(each: Any, row: int) -> list[Fault]:
    """What cannot be quoted: a date that is none, and what is no text or number."""
    said = {name: each.get(name) for name in BASIS} if isinstance(each, Mapping) else {}
    faults = [
        Fault("wrong_type", f"Ruling {row}: {name} must be text.", f"第{row}条确权结论：{name}必须是文本。", row=row)
        for name, value in said.items()
        if value is not None and (isinstance(value, bool) or not isinstance(value, str | int | date))
    ]
    when = said.get("date")
    if isinstance(when, str | int) and when and not faults and not _is_day(str(when)):
        shown = str(when)[:60]
        en = f"Ruling {row}: its date {shown} is no day; write it like 2026-08-01."
        faults.append(Fault("value_wrong", en, f"第{row}条确权结论：日期{shown}无效；请写成2026-08-01这样。", row=row))
    return faults


def _is_day(text: str) -> bool:
    written = _DAY.fullmatch(text.strip())
    try:
        return written is not None and date(*(int(part) for part in written.groups())).year >= FIRST_YEAR
    except ValueError:
        return False


def _as_rule(each: Mapping[str, Any]) -> dict[str, Any]:
    """The ruling as a rule book has it."""
    members = {name: value for name, value in each.items() if name in MEMBERS and name not in (*BASIS, "department")}
    basis = {name: str(each[name]) for name in BASIS if each.get(name) is not None}
    about = (each.get(name) for name in ("class", "class_prefix", "condition", "place", "area"))
    code = PREFIX + "-".join(str(part) for part in (each.get("number"), *about) if part)
    return {**members, "code": code, "to": [{"department": each.get("department")}], "basis": basis}


def ruling_of_case(case: Case, unit: str | None, department: str, basis: Mapping[str, str], owner: str) -> Any:
    """The document of a ruling that settles cases like this one in its unit. Errors: Refusal ruling_without_place."""
    if unit is None or case.class_code is None:
        raise refuse(
            "ruling_without_place",
            f"The case {case.id} lies in no unit or has no class, so it tells no rule; write the ruling in a file.",
            f"案件 {case.id} 不在任何网格内或没有类别，无法据以形成规则；请用文件写明确权结论。",
            thing=case.id,
        )
    about = {"edition": case.edition, "kind": case.kind, "class": case.class_code, "place": unit}
    about |= {"condition": case.condition}
    said = {name: value for name, value in about.items() if value is not None}
    return {**({"owner": owner} if owner else {}), "rulings": [{**basis, **said, "department": department}]}


def edits_of(rulings: Sequence[Ruling], book: RuleBook) -> list[dict[str, Any]]:
    """The edits by which a draft takes the rulings in, as `{"op": "put"}`."""
    return [_area_edit(each) if each.is_of_area else _rule_edit(foremost(each.rule, book)) for each in rulings]


def _area_edit(ruling: Ruling) -> dict[str, Any]:
    rule = ruling.rule
    values = {"department": rule.to[0].value, QUOTED: ruling.quoted}
    edit = {"op": "put", "layer": f"areas.{rule.area_layer}", "code": rule.area, "values": values}
    return edit if not rule.owner else {**edit, "owner": rule.owner}  # else the only owner of such an area is meant


def _rule_edit(rule: Rule) -> dict[str, Any]:
    values = {name: value for name, value in written(rule).items() if name not in ("code", "owner")}
    return {"op": "put", "layer": "rules", "code": rule.code, "owner": rule.owner, "values": values}


def foremost(rule: Rule, book: RuleBook) -> Rule:
    """The rule with an owner and a priority by which it is tried before every other that may meet the same cases."""
    narrow = max(rule.owner, rule.place or "", key=len)
    rivals = [each for each in book.rules if each.code != rule.code and _may_meet(each, rule, narrow)]
    owner = max((each.owner for each in rivals if narrow.startswith(each.owner)), key=len, default="")
    owner = max(owner, rule.owner, key=len)
    highest = max((each.priority for each in rivals if each.owner == owner), default=0)
    return replace(rule, owner=owner, priority=max(highest + 1, 0))


def _may_meet(each: Rule, rule: Rule, narrow: str) -> bool:
    """Whether some case may meet both rules."""
    for name in ("edition", "kind", "condition"):
        own, its = getattr(rule, name), getattr(each, name)
        if None not in (own, its) and own != its:
            return False
    own_class, its_class = rule.class_code or rule.class_prefix or "", each.class_code or each.class_prefix or ""
    if not (own_class.startswith(its_class) or its_class.startswith(own_class)):
        return False
    other = max(each.owner, each.place or "", key=len)
    return narrow.startswith(other) or other.startswith(narrow)
