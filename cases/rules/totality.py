"""Classes and places for which no rule leads to a department, by owner, each with a point where it is so.

Only what is sure counts: a fixed department, the division of a level, an area that is there. The component that a
report means, its time and its filing condition may be others, so rules that ask for them are passed over. Classes that
meet the same rules, and units of which the same is true, are looked at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from cases.rules.book import Key, RuleBook
from cases.rules.calendar import NO_TIME
from cases.rules.ground import SPECK_DEG2, Ground, Region, point_in
from cases.rules.model import Rule
from components.editions import CURRENT
from gis.errors import Fault

ClassKey = tuple[str, str, str]
SHOWN, TOLD = 5, 50


@dataclass(frozen=True, slots=True)
class Way:
    """Where a rule surely leads to a department: within all of the regions, and of a division of the level if any."""

    level: str | None
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Classes for which the rules of an owner lead nowhere in these units (by number), in all of them or in a part.

    `tried` are the codes of the rules that fit and fail; `where` is a point.
    """

    owner: str
    classes: tuple[ClassKey, ...]
    units: tuple[int, ...]
    partly: bool
    tried: tuple[str, ...]
    where: Mapping[str, Any]


def editions_in_use(rules: Iterable[Rule]) -> frozenset[str]:
    """The editions that rules name, and the current one where one names none."""
    found = {rule.edition or CURRENT for rule in rules}
    return frozenset(found)


def find_holes(book: RuleBook, ground: Ground, classes: Iterable[ClassKey]) -> list[Hole]:
    """The holes of the book on the ground for the classes of the editions in use, by owner, the largest first."""
    used = editions_in_use(book.rules)
    groups: dict[tuple[Any, ...], list[ClassKey]] = {}
    for each in sorted(classes):
        if each[0] in used:
            groups.setdefault(book.key(*each, None, NO_TIME, None)[:-1], []).append(each)
    owners = {rule.owner for rule in book.rules}
    places: dict[str, list[int]] = {}
    for unit, code in enumerate(ground.codes.tolist()):
        places.setdefault(book.key(None, None, None, None, NO_TIME, code)[-1], []).append(unit)
    seen: dict[Any, dict[int, Any]] = {}
    found: dict[tuple[str, tuple[ClassKey, ...]], tuple[dict[int, Any], set[str]]] = {}
    for place, listed in sorted(places.items()):
        above = [owner for owner in owners if place.startswith(owner)]
        if not above:
            continue  # nobody has rules there
        owner, units = max(above, key=len), np.array(listed, dtype=np.int64)
        for part, own in groups.items():
            key: Key = (*part, place)
            rules = book.select(key).rules
            ways = frozenset(way for rule in rules for way in _ways(rule, ground))
            if (ways, place) not in seen:
                seen[ways, place] = _left(ways, units, ground)
            if left := seen[ways, place]:
                whole, tried = found.setdefault((owner, tuple(own)), ({}, set()))
                whole.update(left)
                tried.update(rule.code for rule in rules)
    return _merged(found, ground)


def _ways(rule: Rule, ground: Ground) -> Iterator[Way]:
    asked: tuple[Region, ...] = () if rule.area_layer is None else ((rule.area_layer, rule.area, False),)
    for target in rule.to:
        if target.kind == "department" and target.value in ground.departments:
            yield Way(None, asked)
        elif target.kind == "division":
            yield Way(target.value, asked)
        elif target.kind == "area":
            same = rule.area_layer == target.value
            led: Region = (target.value, rule.area if same else None, True)
            yield Way(None, tuple(sorted({*(() if same else asked), led}, key=str)))


def _left(ways: frozenset[Way], units: NDArray[np.int64], ground: Ground) -> dict[int, Any]:
    """What remains of the units where none of the ways leads, by unit."""
    if Way(None, ()) in ways:
        return {}
    for way in ways:
        if way.level is not None and not way.regions:
            units = units[~ground.led_by_level(way.level)[units]]
    left = {unit: ground.polygons[unit] for unit in units.tolist()}
    for way in sorted((each for each in ways if each.regions), key=str):
        if not left:
            break
        there = np.array(list(left), dtype=np.int64)
        if way.level is not None:
            there = there[ground.led_by_level(way.level)[there]]
        rest = ground.left(way.regions, there)
        for unit in there.tolist():
            both = shapely.intersection(left[unit], rest[unit]) if unit in rest else None
            if both is None or shapely.area(both) <= SPECK_DEG2:
                del left[unit]
            else:
                left[unit] = both
    return left


def _merged(
    found: Mapping[tuple[str, tuple[ClassKey, ...]], tuple[dict[int, Any], set[str]]], ground: Ground
) -> list[Hole]:
    """One hole for all classes of an owner for which there is nobody on the same ground, with or without a rule."""
    alike: dict[tuple[Any, ...], tuple[list[ClassKey], dict[int, Any], set[str]]] = {}
    for (owner, classes), (left, tried) in found.items():
        key = owner, bool(tried), frozenset((unit, id(shape)) for unit, shape in left.items())
        own, _, codes = alike.setdefault(key, ([], left, set()))
        own.extend(classes)
        codes.update(tried)
    holes = []
    for (owner, *_), (own, left, codes) in alike.items():
        units, shapes = list(left), np.array(list(left.values()), dtype=object)
        partly = bool(shapely.area(ground.polygons[units]).sum() - shapely.area(shapes).sum() > SPECK_DEG2)
        where = point_in(shapes[int(np.argmax(shapely.area(shapes)))])
        holes.append(Hole(owner, tuple(sorted(own)), tuple(units), partly, tuple(sorted(codes)), where))
    return sorted(holes, key=lambda each: (each.owner, -len(each.units) * len(each.classes), each.classes))


def tell_holes(holes: Sequence[Hole], ground: Ground) -> list[Fault]:
    """Warnings `class_without_rule`, one a hole."""
    return [_told(each, ground) for each in holes]


def _told(hole: Hole, ground: Ground) -> Fault:
    codes = [str(ground.codes[unit]) for unit in hole.units]
    classes = [f"{edition}:{kind}:{code}" for edition, kind, code in hole.classes]
    x, y = hole.where["coordinates"]
    owner, owner_zh = (hole.owner, hole.owner) if hole.owner else ("everywhere", "全域")
    tried = ", ".join(hole.tried[:SHOWN]) + (" …" if len(hole.tried) > SHOWN else "")
    why = f"rules {tried} fit but surely lead nowhere there" if hole.tried else "no rule fits"
    why_zh = f"规则{tried}适用，但无法确保派到部门" if hole.tried else "没有适用的规则"
    part, part_zh = ("parts of ", "的部分地块") if hole.partly else ("", "")
    return Fault(
        "class_without_rule",
        f"The rules of {owner} name no department for {len(classes)} classes ({_few(classes)}) in "
        f"{part}{len(codes)} units ({_few(codes)}): {why}; for example at {x}, {y}. "
        "Add a rule, an area, or a catch-all.",
        f"{owner_zh}的规则在{len(codes)}个网格（{_few(codes)}）{part_zh}对{len(classes)}个类别（{_few(classes)}）没有"
        f"责任部门：{why_zh}；例如 {x}, {y} 处。请增加规则、片区或兜底规则。",
        "warning",
        thing=hole.owner or None,
        where=hole.where,
        members={
            "classes": classes[:TOLD],
            "class_count": len(classes),
            "units": codes[:TOLD],
            "unit_count": len(codes),
        },
    )


def _few(codes: Sequence[str]) -> str:
    return ", ".join(codes[:SHOWN]) + (" …" if len(codes) > SHOWN else "")
