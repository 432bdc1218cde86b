"""Whether a store holds whole revisions only."""

from sqlalchemy import func, select, text

from gis.store.engine import Store, reading
from gis.store.revisions import head, list_revisions
from grids.drafts.tables import draft
from tests.gis.store.ledger import assert_index_is_whole
from tests.unbroken.oracle import TABLES


def assert_whole(store: Store) -> int:
    """Every revision has the rows it says it has and no draft is half published; the number of the newest."""
    with reading(store.world) as connection:
        made, newest = list_revisions(connection), head(connection)
        assert [each.number for each in made] == list(range(1, newest + 1))
        for table in TABLES:
            told = {each.number: each.counts.get(table.name, {}) for each in made}
            for column, names in ((table.c.from_revision, "created"), (table.c.to_revision, "retired")):
                counted = select(column, func.count()).where(column.is_not(None)).group_by(column)
                wanted = {number: sums.get(names, 0) + sums.get("changed", 0) for number, sums in told.items()}
                assert dict(connection.execute(counted).all()) == {each: sum for each, sum in wanted.items() if sum}
        closed = connection.execute(select(draft.c.revision).where(draft.c.state == "published")).scalars().all()
        assert len(set(closed)) == len(closed)
        assert set(closed) <= {each.number for each in made}
        if store.dialect == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    for table in TABLES:
        if table.info["spatial"]:
            assert_index_is_whole(store, table)
    return newest
