"""The model city knows who is right: where the answer may be wrong, and that it says so itself."""

from pathlib import Path

import pytest

from api.cli.model_city import load
from api.cli.opening import open_settled
from api.settings import Settings
from cases.clerk import Clerk
from cases.desk import load_desk
from examples.model_city import write
from gis.formats import read
from gis.store.engine import reading
from gis.store.revisions import head
from tests.cases.test_batch import cases_of
from tests.journeys.seams import Accuracy, Witness, measure


def accuracy(folder: Path, units: int, cases: int, seed: int) -> Accuracy:
    write(folder, units, cases, seed)
    settings = Settings(store=f"sqlite:///{folder / 'wangge.db'}")
    with open_settled(settings) as store:
        load(store, folder, settings)
        with reading(store.world) as connection:
            desk = load_desk(connection, head(connection))
    right = read(folder / "cases.csv").columns["right_department"].tolist()
    return measure(Clerk(desk), Witness.of(folder), cases_of(folder), [each or None for each in right])


def check(found: Accuracy) -> None:
    assert found.beyond.cases > 0
    assert found.beyond.wrong == 0, "wrong although no other department lies within the position error"
    assert found.silent == [], "wrong without near_boundary or ambiguous"
    assert found.unnamed == [], "wrong and the right department is not among the alternatives"


def test_answers_are_wrong_only_within_the_position_error_and_then_say_so(tmp_path: Path) -> None:
    found = accuracy(tmp_path, units=600, cases=4_000, seed=11)
    print(found)
    check(found)
    assert found.inside.wrong > 0


@pytest.mark.campaign
@pytest.mark.parametrize("seed", [1, 2])
def test_of_a_hundred_thousand_cases_none_is_wrong_without_saying_so(tmp_path: Path, seed: int) -> None:
    found = accuracy(tmp_path, units=5_000, cases=100_000, seed=seed)
    print(found)
    check(found)
