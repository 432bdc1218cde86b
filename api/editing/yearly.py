"""The yearly report of the inventory, for HTTP and the command line: as JSON members and as a table."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from api.worlds import Worlds
from cases.reports import parse_zone
from components.catalogue import read_classes
from components.yearly import Year, count_year, revisions_of
from gis.errors import Fault, refuse
from gis.formats import write
from gis.metres import Floats
from gis.store.engine import Store, reading
from gis.store.scope import Scope
from gis.tables import Table

FORMATS = ("csv", "xlsx")
LEVEL = "street"
UNTOUCHED = 3
MOST_YEARS = 50
HEADS: Mapping[str, tuple[str, str]] = {
    "division": ("division", "区划代码"),
    "division_name": ("name of the division", "区划名称"),
    "edition": ("edition", "标准版"),
    "class_code": ("class", "类别代码"),
    "class_name": ("name of the class", "类别名称"),
    "all": ("all", "总数"),
    "new": ("new", "新增"),
    "changed": ("changed", "变更"),
    "moved": ("moved", "移位"),
    "retired": ("retired", "注销"),
    "untouched": ("untouched", "长期未更新"),
    "without_owner": ("without owner", "无权属单位"),
}


def report_year(
    store: Store, worlds: Worlds, year: int, level: str, untouched_years: int, zone: str, scope: Scope
) -> dict[str, Any]:
    """What became of components in a year, by division of a level and class. Errors: year_wrong, level_unknown."""
    place = parse_zone(zone)
    assert place is not None
    if not 1900 <= year <= datetime.now(UTC).year + 1 or not 1 <= untouched_years <= MOST_YEARS:
        raise refuse(
            "year_wrong",
            f"There is no report of the year {year}, or of {untouched_years} years without change (1 to {MOST_YEARS}).",
            f"无法统计 {year} 年，或未更新年数 {untouched_years} 超出范围（1 至 {MOST_YEARS}）。",
        )
    with reading(store.world) as connection:
        end = revisions_of(connection, year, place)[1]
        classes = read_classes(connection, scope, end) if end else {}
    if end == 0:
        raise refuse(
            "before_history",
            f"Nothing was published by the end of {year}.",
            f"{year} 年底前尚未发布任何数据。",
            kind="missing",
        )
    grid = worlds.at(end).grid
    length = next((each.length for each in grid.profile.levels if each.id == level), None)
    if length is None:
        known = ", ".join(each.id for each in grid.profile.levels)
        raise refuse("level_unknown", f"There is no level {level[:40]}: {known}.", f"没有级别 {level[:40]}：{known}。")

    def units(lonlat: Floats) -> Any:
        held, where = np.unique(grid.units.lowest(lonlat), return_inverse=True)
        codes = np.fromiter((grid.unit_code(each) for each in held.tolist()), dtype=object, count=len(held))
        return codes[where]

    with reading(store.world) as connection:
        found = count_year(connection, year, place, units, length, untouched_years, scope)
    return _told(found, level, untouched_years, grid.divisions, classes)


def _told(
    year: Year, level: str, untouched: int, divisions: Mapping[str, Any], classes: Mapping[Any, Any]
) -> dict[str, Any]:
    items = []
    for (division, edition, class_code), sums in year.sums.items():
        known, kind = divisions.get(division), classes.get((edition, "component", class_code))
        items.append(
            {
                "division": division,
                "division_name": known.name if known else None,
                "edition": edition,
                "class_code": class_code,
                "class_name": kind.name_zh if kind else None,
                **sums.as_dict(),
            }
        )
    return {
        "year": year.year,
        "level": level,
        "from_revision": year.begin,
        "revision": year.end,
        "untouched_years": untouched,
        "totals": year.totals.as_dict(),
        "items": items,
    }


def write_year(path: Path, told: Mapping[str, Any], language: str) -> tuple[Fault, ...]:
    """A report as a sheet with the heads of a language. Errors: those of `gis.formats.write`."""
    items = told["items"]
    columns = {
        head[1 if language == "zh" else 0]: np.fromiter((each[name] for each in items), dtype=object, count=len(items))
        for name, head in HEADS.items()
    }
    encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else None
    table = Table(columns, None, None, np.arange(1, len(items) + 1), "components")
    return write(path, table, layer=str(told["year"]), encoding=encoding)
