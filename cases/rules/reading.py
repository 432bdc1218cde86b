"""Reading rules that people write: a YAML or JSON document in, rules and faults out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from cases.reports import parse_zone
from cases.rules.model import CASE_KINDS, COMPONENT_ROLES, EVERYWHERE, TARGET_KINDS, Basis, Rule, Target
from cases.rules.windows import MEMBERS, Window, read_dates, read_hours, read_weekdays
from components.editions import normalise_edition
from gis.errors import Fault, Refusal

Span = TypeVar("Span")

_TEXTS = ("name", "supervisor", "class", "class_prefix", "condition", "place", "area_layer", "area", "time_limit")
_BASIS = ("text", "document", "number", "date", "url")
_RULE = frozenset({"code", "owner", "edition", "kind", *_TEXTS, "priority", "fallback", "to", "basis", "when"})
_DOCUMENT = frozenset({"owner", "zone", "rules"})

USUAL_ZONE = "Asia/Shanghai"
"""Whose clocks time windows follow where neither the rule nor the book names a zone."""

LONGEST_CODE, LONGEST_TEXT = 200, 10_000
"""Characters of a code, which an index of every store takes, and of words."""
WORDS = frozenset({"name", "condition", "time_limit", *_BASIS})
FIRST_YEAR, LAST_YEAR = 1, 9999
"""An edition that is a number is a year."""
MOST_PRIORITY = 1_000_000_000


def _shown(value: Any) -> str:
    """The value in a message: short, and never the inside of a list or mapping (which may be huge)."""
    if value is None or isinstance(value, str | int | float | date):
        shown = "null" if value is None else str(value)
        return shown if len(shown) <= 60 else shown[:57] + "..."
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, Mapping) else type(value).__name__


@dataclass(slots=True)
class _Item:
    """One mapping of the document being read; gathers what is wrong with it."""

    members: Mapping[str, Any]
    row: int | None
    thing: str | None
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, en: str, zh: str) -> None:
        name = "" if self.thing is None else f" {_shown(self.thing)}"
        if self.row is not None:
            en, zh = f"Rule {self.row}{name}: {en}", f"第{self.row}条规则{name}：{zh}"
        self.faults.append(Fault(code, en, zh, row=self.row, thing=self.thing and self.thing[:LONGEST_CODE]))

    def known_only(self, known: frozenset[str], inside: str = "") -> None:
        for key in self.members:
            if key not in known:
                there, there_zh = (f" in {inside}", f"{inside}中的") if inside else ("", "")
                self.fault(
                    "unknown_field",
                    f"there is no member {_shown(key)}{there}; known are {', '.join(sorted(known))}.",
                    f"不认识{there_zh}字段{_shown(key)}；可用字段：{'、'.join(sorted(known))}。",
                )

    def text(self, key: str) -> str | None:
        value = self.members.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(
                "wrong_type",
                f"{key} must be text but is {_shown(value)}; put it in quotes, or zeros in front may be lost.",
                f"{key}必须是文本，现为{_shown(value)}；请加引号，否则可能丢失前导零。",
            )
            return None
        if not value.strip():
            self.fault("empty_value", f"{key} is empty; leave it out or fill it in.", f"{key}为空；请删除或填写。")
            return None
        most = LONGEST_TEXT if key in WORDS else LONGEST_CODE
        if len(value.strip()) > most:
            self.fault("text_too_long", f"{key} has more than {most} characters.", f"{key}超过{most}个字符。")
            return None
        if "\0" in value:
            self.fault(
                "text_wrong", f"{key} holds a NUL, which no store keeps.", f"{key}中含有空字符（NUL），无法存储。"
            )
            return None
        return value.strip()

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        value = self.text(key)
        if value is not None and value not in choices:
            self.fault(
                "wrong_value",
                f"{key} must be one of {', '.join(choices)} but is {_shown(value)}.",
                f"{key}必须是{'、'.join(choices)}之一，现为{_shown(value)}。",
            )
            return None
        return value

    def edition(self) -> str | None:
        value = self.members.get("edition")
        if isinstance(value, int) and not isinstance(value, bool):  # unquoted 2026: no zeros to lose
            if FIRST_YEAR <= value <= LAST_YEAR:
                return normalise_edition(str(value))
            self.fault("wrong_value", f"edition {_shown(value)} is no year.", f"标准版{_shown(value)}不是年份。")
            return None
        text = self.text("edition")
        return None if text is None else normalise_edition(text)

    def whole(self, key: str) -> int:
        value = self.members.get(key)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(
                "wrong_type",
                f"{key} must be a whole number but is {_shown(value)}.",
                f"{key}必须是整数，现为{_shown(value)}。",
            )
            return 0
        if abs(value) > MOST_PRIORITY:
            self.fault(
                "wrong_value",
                f"{key} must lie between -{MOST_PRIORITY} and {MOST_PRIORITY} but is {_shown(value)}.",
                f"{key}须在-{MOST_PRIORITY}至{MOST_PRIORITY}之间，现为{_shown(value)}。",
            )
            return 0
        return value

    def yes(self, key: str) -> bool:
        value = self.members.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(
            "wrong_type",
            f"{key} must be true or false but is {_shown(value)}.",
            f"{key}必须是true或false，现为{_shown(value)}。",
        )
        return False


def _targets(item: _Item) -> tuple[Target, ...]:
    listed = item.members.get("to")
    if not isinstance(listed, list) or not listed:
        item.fault(
            "no_targets",
            "to must be a list of at least one target, like [{department: CODE}].",
            "to必须是至少含一个派遣对象的列表，例如[{department: 部门代码}]。",
        )
        return ()
    targets = []
    for number, target in enumerate(listed, start=1):
        if not isinstance(target, Mapping) or len(target) != 1 or next(iter(target)) not in TARGET_KINDS:
            item.fault(
                "wrong_target",
                f"target {number} must have exactly one member of {', '.join(TARGET_KINDS)}.",
                f"第{number}个派遣对象必须且只能有以下一个字段：{'、'.join(TARGET_KINDS)}。",
            )
            continue
        kind = next(iter(target))
        inside = _Item(target, item.row, item.thing, item.faults)
        value = inside.choice(kind, COMPONENT_ROLES) if kind == "component" else inside.text(kind)
        if value is not None:
            targets.append(Target(kind, value))
        elif target[kind] is None:
            inside.fault(
                "empty_value", f"target {number} ({kind}) has no value.", f"第{number}个派遣对象（{kind}）没有值。"
            )
    return tuple(targets)


def _basis(item: _Item) -> Basis | None:
    given = item.members.get("basis")
    if given is None:
        return None
    if isinstance(given, str):
        return (
            Basis(text=_Item({"text": given}, item.row, item.thing, item.faults).text("text"))
            if given.strip()
            else None
        )
    if not isinstance(given, Mapping):
        item.fault(
            "wrong_type",
            f"basis must be a text or have the members {', '.join(_BASIS)}.",
            f"basis必须是文本，或含字段{'、'.join(_BASIS)}。",
        )
        return None
    members = {key: value.isoformat() if isinstance(value, date) else value for key, value in given.items()}
    inside = _Item(members, item.row, item.thing, item.faults)
    inside.known_only(frozenset(_BASIS), "basis")
    return Basis(**{key: inside.text(key) for key in _BASIS})


def _when(item: _Item, zone: str) -> Window | None:
    given = item.members.get("when")
    if given is None:
        return None
    if not isinstance(given, Mapping) or not any(given.get(name) for name in MEMBERS):
        item.fault(
            "wrong_window",
            f"when must have at least one of {', '.join(MEMBERS)}, like {{weekdays: mon-fri, hours: 08:00-18:00}}.",
            f"when至少应含{'、'.join(MEMBERS)}之一，例如{{weekdays: mon-fri, hours: 08:00-18:00}}。",
        )
        return None
    inside = _Item(given, item.row, item.thing, item.faults)
    inside.known_only(frozenset({*MEMBERS, "zone"}), "when")
    before = len(item.faults)
    dates = _spans(inside, "dates", read_dates, "2026-10-01/2026-10-07")
    weekdays = {day for days in _spans(inside, "weekdays", read_weekdays, "mon-fri") for day in days}
    hours = _spans(inside, "hours", read_hours, "22:00-02:00")
    zone = _zone(inside) or zone
    if len(item.faults) > before:
        return None
    return Window(zone, tuple(sorted(set(dates))), tuple(sorted(weekdays)), tuple(sorted(set(hours))))


def _spans(item: _Item, key: str, read: Callable[[str], Span], like: str) -> list[Span]:
    """What a text or a list of texts means, each read by `read`."""
    given = item.members.get(key)
    listed = [] if given is None else given if isinstance(given, list) else [given]
    found = []
    for each in listed:
        text = each.isoformat() if type(each) is date else each
        try:
            found.append(read(text if isinstance(text, str) else ""))
        except ValueError:
            item.fault(
                "wrong_window",
                f"{key} must be written like {like} but is {_shown(each)}; put it in quotes.",
                f"{key}应写成{like}这样，现为{_shown(each)}；请加引号。",
            )
    return found


def _zone(item: _Item) -> str | None:
    zone = item.text("zone")
    try:
        if zone is not None:
            parse_zone(zone)
        return zone
    except Refusal as refusal:
        fault = refusal.faults[0]
        item.fault(fault.code, fault.en, fault.zh)
        return None


def _rule(item: _Item, owner: str, zone: str) -> Rule | None:
    """The rule in the item, or None when the item has gathered a fault."""
    before = len(item.faults)
    item.text("code")  # says so when it is no text, or none that can be a code
    if item.thing is None and len(item.faults) == before:
        item.fault("code_missing", "it has no code.", "没有编码（code）。")
    item.known_only(_RULE)
    texts = {key: item.text(key) for key in _TEXTS}
    if texts["class"] is not None and texts["class_prefix"] is not None:
        item.fault("class_twice", "it has both class and class_prefix; keep one.", "class与class_prefix只能填一个。")
    if texts["area"] is not None and texts["area_layer"] is None:
        item.fault(
            "area_without_layer",
            "area needs area_layer, the layer that the area is in.",
            "填写area时必须同时填写其所在图层area_layer。",
        )
    place = texts["place"]
    if place is not None and not (place.startswith(owner) or owner.startswith(place)):
        item.fault(
            "place_outside_owner",
            f"place {place} is not within the owner {owner}, so the rule would never hold.",
            f"place {place}不在所属区划{owner}内，规则永远不会生效。",
        )
    class_code = texts.pop("class")
    edition, kind, priority = item.edition(), item.choice("kind", CASE_KINDS), item.whole("priority")
    fallback, to, basis, when = item.yes("fallback"), _targets(item), _basis(item), _when(item, zone)
    if len(item.faults) > before or item.thing is None:
        return None
    return Rule(
        owner=owner,
        code=item.thing,
        to=to,
        edition=edition,
        kind=kind,
        class_code=class_code,
        priority=priority,
        fallback=fallback,
        basis=basis,
        when=when,
        **texts,
    )


def parse(document: Any, owner: str | None = None) -> tuple[list[Rule], list[Fault]]:
    """The rules of a loaded document `{"owner": …, "rules": […]}`, and every fault in it.

    `owner`, if given, wins over a rule's own, and that over the document's; none means everywhere (""). A fault names
    the rule's code as `thing` and its position in the list, from 1, as `row`; a rule with a fault is not among the
    rules.
    """
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        return [], [
            Fault(
                "rules_missing",
                "The document must have a member rules, a list of rules.",
                "文档必须含有rules字段，其值为规则列表。",
            )
        ]
    whole = _Item(document, None, None)
    whole.known_only(_DOCUMENT)
    stated, zone = whole.text("owner"), _zone(whole) or USUAL_ZONE
    faults, holder = whole.faults, (stated or EVERYWHERE) if owner is None else owner
    rules: list[Rule] = []
    first_row: dict[tuple[str, str], int] = {}
    for row, members in enumerate(document["rules"], start=1):
        if not isinstance(members, Mapping):
            faults.append(
                Fault(
                    "wrong_type",
                    f"Rule {row} must be a mapping but is {_shown(members)}.",
                    f"第{row}条规则必须是键值结构，现为{_shown(members)}。",
                    row=row,
                )
            )
            continue
        code = members.get("code")
        item = _Item(members, row, (code.strip() or None) if isinstance(code, str) else None, faults)
        own = item.text("owner") if owner is None else None
        rule = _rule(item, own or holder, zone)
        if item.thing is not None and (earlier := first_row.setdefault((own or holder, item.thing), row)) != row:
            item.fault("code_duplicate", f"rule {earlier} has the same code.", f"与第{earlier}条规则编码重复。")
        elif rule is not None:
            rules.append(rule)
    return rules, faults
