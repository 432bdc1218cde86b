"""Codes of components after their edition, and the next free ones."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.codes import FORMS, check_county, check_forms, class_in
from components.numbers import next_code
from gis.errors import Refusal
from gis.store.engine import Store, reading
from tests.api.small_world import COMPONENTS, bring, make_world


@settings(deadline=None)
@given(edition=st.sampled_from(sorted(FORMS)), county=st.integers(0, 10**6 - 1), number=st.integers(1, 10**6 - 1))
def test_a_code_that_was_made_falls_into_the_parts_it_was_made_of(edition: str, county: int, number: int) -> None:
    form, kind = FORMS[edition], {"2026": "01037", "2013": "0101"}[edition]
    code = form.make(f"{county:06}", kind, number)
    assert form.parts(code) == (f"{county:06}", kind, f"{number:06}")
    assert len(code) == {"2026": 17, "2013": 16}[edition]
    assert class_in(code, edition) == kind
    assert class_in(code, "dc-311") == class_in(code[:-1], edition) == ""


def check(code: str, edition: str = "2026", kind: str = "01037", strict: bool = False) -> list[tuple[str, str]]:
    one = [np.array([each], dtype=object) for each in (code, edition, kind)]
    return [(each.code, each.severity) for each in check_forms(*one, np.array([1]), [strict])]


def test_a_code_that_names_another_class_is_doubtful_and_wrong_where_the_standard_is_wanted() -> None:
    assert check("44030501037000001") == []
    assert check("44030501038000001") == [("code_class_differs", "warning")]
    assert check("44030501038000001", strict=True) == [("code_class_differs", "error")]
    assert check("灯-7") == []
    assert check("灯-7", strict=True) == [("code_form", "error")]
    assert check("4403050103700000x", strict=True) == [("code_form", "error")]
    assert check("４４０３０５０１０３７０００００１", strict=True) == [("code_form", "error")]
    assert check("anything", "dc-311", "x", strict=True) == []


@pytest.mark.parametrize(
    ("county", "edition", "kind", "code"),
    [
        ("440305", "dc-311", "01037", "code_needed"),
        ("440305", "2026", "0101", "code_needed"),
        ("440305", "2013", "01037", "code_needed"),
        ("44030", "2026", "01037", "county_wrong"),
        ("", "2026", "01037", "county_wrong"),
        ("44030x", "2026", "01037", "county_wrong"),
    ],
)
def test_no_code_is_made_of_what_names_no_county_or_class(county: str, edition: str, kind: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_county(county, edition, kind)
    assert refused.value.code == code


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder: Path = tmp_path_factory.mktemp("codes")
    store = make_world(f"sqlite:///{folder / 'wangge.db'}", folder)
    heading, row = COMPONENTS.splitlines()
    rows = [
        row,
        row.replace("037000001", "037000007"),
        row.replace("037000001", "037999999"),
        row.replace("4403050", "L-"),
    ]
    bring(store, folder, "components", "many.csv", "\n".join([heading, *rows]) + "\n", crs="CRS84")
    bring(store, folder, "components", "few.csv", "\n".join([heading, *rows[:1]]) + "\n", crs="CRS84", scope="44")
    return store


TAKEN = st.sets(st.integers(1, 12).map(lambda number: f"44030501037{number:06}"), max_size=8)


@settings(deadline=None, max_examples=60)
@given(taken=TAKEN)
def test_the_next_code_was_never_given_nor_is_it_taken(store: Store, taken: set[str]) -> None:
    with reading(store.world) as connection:
        code = next_code(connection, "2026", "440305", "01037", taken)
        assert next_code(connection, "2026", "440305", "01038", taken) == "44030501038000001"
    given_before = {f"44030501037{number:06}" for number in (1, 7, 999999)}
    free = (f"44030501037{number:06}" for number in range(1, 20))
    assert code == next(each for each in free if each not in given_before | taken)
