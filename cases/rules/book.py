"""The compiled rule book: which rules may apply to a case, in the order in which they are tried."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cases.rules.calendar import NO_TIME, Calendar
from cases.rules.model import CASE_KINDS, Rule

Key = tuple[str | None, str | None, bool, str, str | None, int, str]
"""What of a case and its place the choice of rules depends on; every part is a value that the book itself holds."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rules that may apply, first tried first, and what of a place they look at: area layers, levels, the component.

    `lacks_time`: rules with a time window were passed over, for the case does not say when it was reported.
    """

    rules: tuple[Rule, ...]
    layers: tuple[str, ...]
    levels: tuple[str, ...]
    asks_component: bool
    lacks_time: bool = False


@dataclass(frozen=True, slots=True)
class _Prefixes:
    """Code prefixes that rules name. The longest that a code begins with tells which others it begins with."""

    known: frozenset[str]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, prefixes: Iterable[str]) -> "_Prefixes":
        known = frozenset(prefixes)
        return cls(known, tuple(sorted({len(prefix) for prefix in known}, reverse=True)))

    def longest(self, code: str) -> str:
        """The longest known prefix of `code`, "" if none."""
        for length in self.lengths:
            if length <= len(code) and code[:length] in self.known:
                return code[:length]
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class RuleBook:
    """The rules of all owners, compiled once and then only read; its memory of selections is bounded by the book.

    A lookup costs a few dictionary reads however large the book is: the case is first reduced to the values that rules
    of this book tell apart (`key`), and the rules for such a key are gathered once.
    """

    rules: tuple[Rule, ...]
    calendar: Calendar
    _by_class: dict[str, list[int]]
    _by_prefix: dict[str, list[int]]
    _of_any_class: list[int]
    _editions: frozenset[str]
    _conditions: frozenset[str]
    _places: _Prefixes
    _prefixes: _Prefixes
    _memo: dict[Key, Selection] = field(default_factory=dict, repr=False)

    @classmethod
    def compile(cls, rules: Iterable[Rule]) -> "RuleBook":
        """The book of `rules`, whose codes are unique within an owner. Their order does not matter."""
        ordered = tuple(sorted(rules, key=lambda rule: (rule.rank, rule.code.encode(), rule.owner)))
        by_class: dict[str, list[int]] = {}
        by_prefix: dict[str, list[int]] = {}
        of_any: list[int] = []
        for position, rule in enumerate(ordered):
            if rule.class_code is not None:
                by_class.setdefault(rule.class_code, []).append(position)
            elif rule.class_prefix is not None:
                by_prefix.setdefault(rule.class_prefix, []).append(position)
            else:
                of_any.append(position)
        return cls(
            rules=ordered,
            calendar=Calendar.of(rule.when for rule in ordered if rule.when is not None),
            _by_class=by_class,
            _by_prefix=by_prefix,
            _of_any_class=of_any,
            _editions=frozenset(rule.edition for rule in ordered if rule.edition is not None),
            _conditions=frozenset(rule.condition for rule in ordered if rule.condition is not None),
            _places=_Prefixes.of({rule.owner for rule in ordered} | {rule.place or "" for rule in ordered}),
            _prefixes=_Prefixes.of(by_prefix),
        )

    def key(
        self,
        edition: str | None,
        kind: str | None,
        class_code: str | None,
        condition: str | None,
        slot: int,
        code: str | None,
    ) -> Key:
        """The case reduced to what this book tells apart: equal keys have equal selections.

        `slot` is what the calendar says of when it was reported, `code` the code of the unit that holds the point, or
        None where there is none.
        """
        exact = class_code is not None and class_code in self._by_class
        return (
            edition if edition in self._editions else None,
            kind if kind in CASE_KINDS else None,
            exact,
            class_code if exact and class_code is not None else self._prefixes.longest(class_code or ""),
            condition if condition in self._conditions else None,
            slot,
            self._places.longest(code or ""),
        )

    def key_at(self, key: Key, code: str | None) -> Key:
        """The same key at another place, where the unit has this code."""
        return (*key[:-1], self._places.longest(code or ""))

    def select(self, key: Key) -> Selection:
        """The rules for a case with this key, and what they look at."""
        selection = self._memo.get(key)
        if selection is None:
            selection = self._memo[key] = self._gather(key)
        return selection

    def candidates(
        self,
        edition: str | None,
        kind: str | None,
        class_code: str | None,
        condition: str | None,
        code: str | None,
        slot: int = NO_TIME,
    ) -> tuple[Rule, ...]:
        """The rules whose owner, place, class, edition, kind, condition and time fit, first tried first.

        Areas are not looked at. A place without a code meets only rules that hold everywhere (owner "", no place).
        """
        return self.select(self.key(edition, kind, class_code, condition, slot, code)).rules

    def _gather(self, key: Key) -> Selection:
        edition, kind, exact, class_text, condition, slot, place = key
        positions = list(self._of_any_class)
        if exact:
            positions += self._by_class[class_text]
        for prefix, listed in self._by_prefix.items():
            if class_text.startswith(prefix):
                positions += listed
        fitting = [
            rule
            for rule in map(self.rules.__getitem__, sorted(positions))
            if rule.edition in (None, edition)
            and rule.kind in (None, kind)
            and rule.condition in (None, condition)
            and place.startswith(rule.owner)
            and place.startswith(rule.place or "")
        ]
        holding = self.calendar.holding(slot)
        rules = tuple(rule for rule in fitting if rule.when is None or rule.when in holding)
        targets = {(target.kind, target.value) for rule in rules for target in rule.to}
        layers = {value for kind, value in targets if kind == "area"}
        layers |= {rule.area_layer for rule in rules if rule.area_layer is not None}
        levels = {value for kind, value in targets if kind == "division"}
        asks_component = any(kind == "component" for kind, _ in targets)
        lacks_time = slot == NO_TIME and len(rules) < len(fitting)
        return Selection(rules, tuple(sorted(layers)), tuple(sorted(levels)), asks_component, lacks_time)
