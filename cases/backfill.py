"""How cases stand that were decided before that was kept: made once, of the log of decisions."""

from datetime import UTC

from sqlalchemy import Connection

from cases.replay import Which, last_position, read_page
from cases.reports import Defaults, from_records
from cases.standing import put_standings, standing_row

PAGE = 5_000


def fill_standings(log: Connection) -> None:
    """A standing for every case of the log, each of its newest version.

    A place in a local system stays unknown here, for what that means stands in the other part of the store; a time
    without a zone is read as UTC, which is near enough for what is found by days.
    """
    upto, after = last_position(log), 0
    while page := read_page(log, Which(), after, upto, PAGE):
        cases = from_records((row["report"] for row in page), Defaults(zone=UTC)).cases
        rows = []
        for row, case in zip(page, cases, strict=True):
            name, component = (row["source"], row["case_id"]), row["report"].get("component_code")
            place = (row["unit"], row["department"], component if isinstance(component, str) else None)
            rows.append(standing_row(case, name, row["position"], row["received_at"], *place))
        put_standings(log, rows)
        after = page[-1]["position"]
