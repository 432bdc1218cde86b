"""The city that the tests look at, written once a module."""

import pytest

from examples.model_city import Manifest, write
from tests.examples.city_files import UNITS


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write(tmp_path_factory.mktemp("city"), UNITS, seed=7)
