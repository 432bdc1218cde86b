"""Where cases are: the positions of their newest versions, page by page, out of the log."""

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import exists, select

from cases.positions import Position, to_places
from cases.replay import LAST
from cases.tables import decision, goes_before
from gis.store.engine import Store, reading

PAGE = 20_000


def read_places(
    store: Store, until: datetime | None = None, class_code: str | None = None, prefix: str = ""
) -> Iterator[NDArray[np.float64]]:
    """lon, lat (n, 2) of the cases received up to a time, of one class if one is named, in units below a prefix.

    NaN where there is no place.

    Of each case the newest version of that time counts.
    """
    later = decision.alias("later")
    known = [later.c.received_at <= until] if until else []
    meant = [~exists(select(later.c.position).where(goes_before(later), *known))]
    meant += [decision.c.received_at <= until] if until else []
    meant += [decision.c.unit >= prefix, decision.c.unit < prefix + LAST] if prefix else []
    after = 0
    while True:
        chosen = select(decision.c.position, decision.c.report).where(decision.c.position > after, *meant)
        with reading(store.log) as connection:
            page = connection.execute(chosen.order_by(decision.c.position).limit(PAGE)).all()
        if not page:
            return
        after = page[-1].position
        reports = [row.report for row in page if class_code in (None, row.report.get("class_code"))]
        yield to_places([_position(each) for each in reports])[0]


def _position(report: dict[str, object]) -> Position | None:
    x, y, crs = report.get("lon"), report.get("lat"), report.get("crs")
    if isinstance(x, int | float) and isinstance(y, int | float) and isinstance(crs, str):
        return float(x), float(y), crs
    return None
