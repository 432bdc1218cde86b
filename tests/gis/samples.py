"""Small tables for tests, and what several of them ask."""

import numpy as np
import pytest

from gis.errors import Refusal
from gis.tables import Table


def column(*values):
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def table(columns, geometry=None, crs="EPSG:4490"):
    count = len(geometry) if geometry is not None else len(next(iter(columns.values())))
    shapes = None if geometry is None else column(*geometry)
    return Table({k: column(*v) for k, v in columns.items()}, shapes, crs, np.arange(1, count + 1))


def refusal(call, *arguments, **options):
    with pytest.raises(Refusal) as caught:
        call(*arguments, **options)
    assert all(fault.en and fault.zh for fault in caught.value.faults)
    return caught.value


def outcome(call, *arguments, **options):
    """What a call gives, or the code with which it refuses."""
    try:
        return call(*arguments, **options)
    except Refusal as refused:
        return refused.code
