"""The shapes of groups: those of the division, unit or area by which they are summed, for maps."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, true

from api.statistics.answering import Statistic
from api.statistics.asking import AREA, THEN, is_place
from cases.statistics.placing import UNIT
from gis.errors import refuse
from gis.store.engine import Store, reading
from gis.store.versions import AT_ONCE, in_force, read_where
from grids.tables import area, division, unit

CRS: Final = "EPSG:4490"


def shapes_of(store: Store, told: Statistic) -> NDArray[Any]:
    """The shape of each row in EPSG:4490, None for a group that lies nowhere; by the first key of place.

    Of boundaries=then it is the newest that a code had, else the one in force at that revision.

    Errors: Refusal statistics_wrong without a key of place.
    """
    asked = told.question
    name = next((each for each in asked.by if is_place(each, asked.what)), None)
    if name is None:
        raise refuse(
            "statistics_wrong",
            "That cannot be shown on a map: `by` names no level of divisions, no unit and no area.",
            "无法绘制地图：by 中没有区划级别、单元网格或片区。",
        )
    table, key = division, ["code"]
    meant: ColumnElement[bool] = true()
    if name == UNIT:
        table = unit
    elif name.startswith(AREA):
        table, key = area, ["owner", "code"]
        meant = area.c.layer == name.removeprefix(AREA)
    wanted: list[Any] = [
        (row[f"{name}.owner"], row[name]) if name.startswith(AREA) else (row[name],) for row in told.rows
    ]
    when: ColumnElement[bool] = true() if asked.boundaries == THEN else in_force(table, told.revision)
    codes = sorted({each[-1] for each in wanted if each[-1] is not None})
    found: dict[Any, tuple[int, Any]] = {}
    with reading(store.world) as connection:
        for start in range(0, len(codes), AT_ONCE):
            one = and_(table.c.code.in_(codes[start : start + AT_ONCE]), meant, when)
            rows = read_where(connection, table, one, (*key, "from_revision", "geom"))
            for *parts, begun, shape in zip(*rows.values(), strict=True):
                if begun >= found.get(tuple(parts), (-1, None))[0]:
                    found[tuple(parts)] = begun, shape
    shapes = np.empty(len(wanted), dtype=object)
    shapes[:] = [found.get(each, (0, None))[1] for each in wanted]
    return shapes
