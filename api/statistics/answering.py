"""Statistics: what was asked, summed, with names."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any, Final

import numpy as np

from api.lookups.moments import read_moment
from api.statistics.asking import AREA, NOW, THEN, Question, is_place, key_unknown
from api.statistics.naming import BODIES, members_of, names_of
from api.statistics.successors import succeeded
from api.worlds import Worlds
from cases.indicators.evaluation import evaluate_all
from cases.indicators.model import Indicator, IndicatorSet
from cases.measured import Asked
from cases.statistics.classes import folded
from cases.statistics.columns import Coded, Indices, group
from cases.statistics.periods import period_of
from cases.statistics.placing import UNIT, areas_as_decided, areas_of, divisions_of, units_of
from cases.statistics.reading import read_cases, read_stock
from cases.statistics.sums import CaseFacts, count_rows, ordered, plain, sum_cases
from gis.errors import refuse
from gis.metres import Floats
from gis.store.engine import Store, reading
from gis.store.revisions import head, read_settings
from gis.store.scope import EVERYTHING, Scope
from grids.lookup import Grid
from grids.profiles import FREE, CodeProfile, read_profile
from grids.tables import area_layer

MOST_GROUPS: Final = 100_000
DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Statistic:
    """Sums by group. `keys` are the names of the members that tell a group, `rows` the groups with their sums."""

    question: Question
    revision: int
    keys: tuple[str, ...]
    rows: list[dict[str, Any]]
    totals: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """JSON members."""
        asked = self.question
        told = asked.indicators
        ends = {name: None if at is None else at.astimezone(UTC).isoformat() for name, at in _span(asked)}
        return {
            "what": asked.what,
            "by": list(asked.by),
            "period": asked.period,
            **ends,
            "boundaries": asked.boundaries,
            "departments": asked.departments,
            "edition": asked.edition,
            "owner": asked.owner,
            "indicators": None if told is None else _described(told, asked),
            "revision": self.revision,
            "totals": self.totals,
            "items": self.rows,
        }


def _described(told: IndicatorSet, asked: Question) -> dict[str, Any]:
    names = ("code", "name", "name_en", "period", "weight", "better", "note")
    items = [
        {name: getattr(each, name) for name in names} | {"formula": each.formula.text}
        for each in chosen_of(told, asked)
    ]
    return {"code": told.code, "name": told.name, "after": told.after, "view": asked.view, "items": items}


def chosen_of(told: IndicatorSet, asked: Question) -> list[Indicator]:
    """The indicators that are told in the view and by the period asked for."""
    return [each for each in told.indicators if asked.view and each.is_told(asked.view, asked.period)]


def _span(asked: Question) -> tuple[tuple[str, Any], ...]:
    return ("from", asked.since), ("to", asked.until)


def answer_statistics(
    store: Store, worlds: Worlds, asked: Question, zone: tzinfo, scope: Scope = EVERYTHING, prefix: str = ""
) -> Statistic:
    """The sums asked for, of what lies below `prefix` as it was decided.

    Errors: Refusal statistics_wrong, statistics_too_many, owner_wrong, area_layer_unknown, before_history,
    revision_unknown, time_wrong, store_down.
    """
    with reading(store.world) as connection:
        newest = head(connection)
        profile = read_profile(read_settings(connection).get("profile", FREE.name))
    if asked.owner and not (profile.is_division_code(asked.owner) or profile.is_unit_code(asked.owner)):
        raise refuse(
            "owner_wrong",
            f"'{asked.owner[:60]}' is not the code of a division.",
            f"“{asked.owner[:60]}”不是行政区划代码。",
        )
    levels = [each.id for each in profile.levels]
    for name in asked.by:
        if is_place(name, asked.what) and name not in (*levels, UNIT) and not name.startswith(AREA):
            raise key_unknown(name, asked.what, levels)
    grid = None
    if asked.boundaries != THEN:
        grid = worlds.at(None if asked.boundaries == NOW else read_moment(asked.boundaries, zone)).grid
    by_cases = asked.what == "cases"
    counted = (
        _cases(store, asked, profile, grid, zone, prefix) if by_cases else _stock(store, asked, profile, grid, scope)
    )
    if asked.departments == NOW:
        counted = counted.succeeded(store, newest)
    number, groups = group([column for _, column in counted.columns], counted.count)
    if len(groups) > MOST_GROUPS:
        raise refuse(
            "statistics_too_many",
            f"That makes {len(groups)} groups; at most {MOST_GROUPS} are told: sum by less, or a shorter time.",
            f"分组数达 {len(groups)}，最多 {MOST_GROUPS}；请减少分组项或缩短时间范围。",
        )
    at = newest if grid is None else grid.revision
    names = {
        name: names_of(store, name, {each[place] for each in groups}, newest)
        for place, (name, _) in enumerate(counted.columns)
    }
    told = [members_of(name, ()) for name, _ in counted.columns]
    heads = tuple(head for each in told for head in each)
    values = counted.told(number, len(groups))
    rows = []
    for place in ordered(groups) if counted.count else []:
        members: dict[str, Any] = {}
        for (name, _), key in zip(counted.columns, groups[place], strict=True):
            members |= members_of(name, key, names[name])
        rows.append(members | values[place])
    totals = counted.told(np.zeros(counted.count, dtype=np.int64), 1)[0]
    return Statistic(asked, at, heads, rows, totals)


@dataclass(frozen=True, slots=True)
class Counted:
    """What is summed: keys by name, and the facts of cases; None for components."""

    asked: Question
    count: int
    columns: list[tuple[str, Coded]]
    facts: CaseFacts | None

    def succeeded(self, store: Store, at: int) -> "Counted":
        """The same by the departments that took the place of those that ended, as of revision `at`."""
        columns = [(name, succeeded(store, each, at) if name in BODIES else each) for name, each in self.columns]
        return replace(self, columns=columns)

    def told(self, number: Indices, count: int) -> list[dict[str, Any]]:
        """The sums of each group, with its indicators, as plain values."""
        sums = count_rows(number, count) if self.facts is None else sum_cases(self.facts, number, count)
        rows = [_rounded(plain(sums, at)) for at in range(count)]
        return rows if self.asked.indicators is None else _with_indicators(self.asked, sums, rows)


def _with_indicators(asked: Question, sums: Mapping[str, Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert asked.indicators is not None
    found = evaluate_all(chosen_of(asked.indicators, asked), sums, len(rows))
    for at, row in enumerate(rows):
        row["indicators"] = _rounded({code: _number(values[at]) for code, values in found.values.items()})
        row["undefined"] = {code: why[at].divisor for code, why in found.undefined.items() if at in why}
        row |= _rounded({"score": _number(found.score[at]), "score_weight": float(found.weight[at])})
        row["whole_weight"] = found.whole
    return rows


def _number(value: Any) -> float | None:
    return None if value != value else float(value)


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: round(each, DECIMALS) if isinstance(each, float) else each for name, each in row.items()}


def _cases(
    store: Store, asked: Question, profile: CodeProfile, grid: Grid | None, zone: tzinfo, prefix: str
) -> Counted:
    in_log = asked.owner if grid is None and asked.owner.startswith(prefix) else prefix
    with reading(store.log) as log:
        facts = read_cases(log, Asked(asked.since, asked.until, asked.source, in_log, asked.class_code))
    if grid is not None:
        facts = replace(facts, unit=units_of(grid, facts.lonlat))
    if asked.owner:
        facts = facts.part(_below(facts.unit, asked.owner))
    held = {name: getattr(facts, name) for name in ("department", "first", "handler", "source", "state")}
    held["class"] = folded(facts.classes, asked.edition) if asked.edition else facts.classes
    columns = []
    for name in asked.by:
        if name.startswith(AREA):
            columns.append((name, _areas(store, name, facts.lonlat, facts.unit, grid, facts.revision)))
        else:
            column = held[name] if name in held else divisions_of(profile, facts.unit, name)
            columns.append((name, column))
    if asked.period is not None:
        columns.append(("period", period_of(facts.reported_at, asked.period, zone)))
    return Counted(asked, len(facts), columns, facts)


def _stock(store: Store, asked: Question, profile: CodeProfile, grid: Grid | None, scope: Scope) -> Counted:
    assert grid is not None, "components have no boundaries of then"
    with reading(store.world) as connection:
        stock = read_stock(connection, grid.revision, scope)
    units = units_of(grid, stock.lonlat)
    lonlat, held = stock.lonlat, dict(stock.columns)
    if asked.owner:
        which = _below(units, asked.owner)
        lonlat, units, held = lonlat[which], units.part(which), {name: each.part(which) for name, each in held.items()}
    if asked.edition:
        held["class"] = folded(held["class"], asked.edition)
    columns = []
    for name in asked.by:
        if name.startswith(AREA):
            columns.append((name, _areas(store, name, lonlat, units, grid, None)))
        else:
            columns.append((name, held[name] if name in held else divisions_of(profile, units, name)))
    return Counted(asked, len(lonlat), columns, None)


def _below(units: Coded, owner: str) -> Any:
    below = [key[0].startswith(owner) for key in units.keys]
    return np.array([*below, False], dtype=np.bool_)[units.number]


def _areas(
    store: Store, name: str, lonlat: Floats, units: Coded, grid: Grid | None, revisions: Indices | None
) -> Coded:
    layer = name.removeprefix(AREA)
    with reading(store.world) as connection:
        known = sorted(set(connection.execute(area_layer.select().with_only_columns(area_layer.c.code)).scalars()))
        if layer not in known:
            told = ", ".join(known) or "-"
            raise refuse(
                "area_layer_unknown",
                f"There is no layer of areas {layer[:60]}; there are {told}.",
                f"没有片区图层 {layer[:60]}；现有：{told}。",
                kind="missing",
            )
        if grid is None:
            assert revisions is not None
            return areas_as_decided(connection, layer, revisions, lonlat, units)
    if layer not in grid.areas:
        return Coded(np.full(len(lonlat), -1, dtype=np.int64), [])
    return areas_of(grid.areas[layer], lonlat, units)
