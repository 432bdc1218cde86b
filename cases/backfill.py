"""How cases stand that were decided before that was kept: made once, of the log of decisions."""

from datetime import UTC

from sqlalchemy import Connection, and_, column, func, select, table

from cases.reports import Defaults, from_records
from cases.standing import put_standings, standing_row
from gis.store.types import Document, Time

PAGE = 5_000
NAMES = ("position", "source", "case_id", "version", "unit", "department")
# As the log was when this was kept first: it has got further columns since.
DECISION = table("decision", *map(column, NAMES), column("received_at", Time), column("report", Document))


def fill_standings(log: Connection) -> None:
    """A standing for every case of the log, each of its newest version.

    A place in a local system stays unknown here, for what that means stands in the other part of the store; a time
    without a zone is read as UTC, which is near enough for what is found by days.
    """
    later, after = DECISION.alias("later"), 0
    same = and_(later.c.source == DECISION.c.source, later.c.case_id == DECISION.c.case_id)
    newest = select(func.max(later.c.version)).where(same).scalar_subquery()
    chosen = select(DECISION).where(DECISION.c.version == newest).order_by(DECISION.c.position).limit(PAGE)
    while page := log.execute(chosen.where(DECISION.c.position > after)).mappings().all():
        cases = from_records((row["report"] for row in page), Defaults(zone=UTC)).cases
        rows = []
        for row, case in zip(page, cases, strict=True):
            name, component = (row["source"], row["case_id"]), row["report"].get("component_code")
            place = (row["unit"], row["department"], component if isinstance(component, str) else None)
            rows.append(standing_row(case, name, row["position"], row["received_at"], *place))
        put_standings(log, rows)
        after = page[-1]["position"]
