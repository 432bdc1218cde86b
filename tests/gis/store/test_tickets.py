"""Tickets: what is published under one is published once at most."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from gis.errors import Refusal
from gis.store.engine import Store, reading
from gis.store.revisions import Publication, Revision, current_head, publish, revision_of_ticket
from grids.tables import department
from tests.gis.store.ledger import change, codes_at, department_row, put


def of_ticket(store: Store, name: str) -> Revision | None:
    with reading(store.world) as connection:
        return revision_of_ticket(connection, name)


def test_a_ticket_is_used_once_and_tells_by_which_revision(store: Store) -> None:
    assert of_ticket(store, "a") is None
    made = put(store, change(department, [department_row(1, "D1")]), ticket="a")
    assert of_ticket(store, "a") == made
    with pytest.raises(Refusal) as refused:
        put(store, change(department, [department_row(2, "D2")]), ticket="a")
    assert (refused.value.code, refused.value.kind) == ("ticket_used", "conflict")
    assert (current_head(store), codes_at(store, department)) == (1, ["D1"])
    put(store, change(department, [department_row(2, "D2")]), ticket="b")
    put(store, change(department, [department_row(3, "D3")]))
    put(store, change(department, [department_row(4, "D4")]))
    assert current_head(store) == 4


def test_a_publication_that_fails_leaves_its_ticket_unused(store: Store) -> None:
    put(store, change(department, [department_row(1, "D1")]))
    with pytest.raises(Refusal):
        put(store, change(department, [department_row(2, "D1")]), ticket="a")
    assert of_ticket(store, "a") is None
    put(store, change(department, [department_row(2, "D2")]), ticket="a")
    assert current_head(store) == 2


def test_of_many_who_publish_under_one_ticket_at_once_one_does(store: Store) -> None:
    def publish_until_told(number: int) -> str:
        row = change(department, [department_row(number, f"D{number}")])
        while True:
            try:
                publish(store, Publication((row,), "tester", base=current_head(store), ticket="a"))
                return "published"
            except Refusal as refusal:
                if refusal.code not in ("store_changed", "store_busy"):
                    return refusal.code

    with ThreadPoolExecutor(4) as pool:
        told = sorted(pool.map(publish_until_told, range(1, 5)))
    assert told == ["published", "ticket_used", "ticket_used", "ticket_used"]
    assert (current_head(store), len(codes_at(store, department))) == (1, 1)
