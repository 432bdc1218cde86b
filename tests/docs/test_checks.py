"""The reference of checks names every check and every limit, as they are, and nothing else."""

import re
from dataclasses import fields

from grids.checks import CHECKS, Subject, Targets
from tests.docs.test_reference import compare, first_column, page, section


def test_every_check_stands_in_the_page_with_its_severity_and_its_texts() -> None:
    text = page("checks")
    before = text.split("\n## ")[0]
    assert first_column(before) == list(CHECKS), "in the order in which findings are told"
    for id, check in CHECKS.items():
        row = re.search(rf"^\| `{id}` \| (\w) \| (.*) \| (.*) \|$", before, re.MULTILINE)
        assert row is not None, id
        assert row[1] == check.severity[0]
        for said, title, explanation, hint in (
            (row[2], check.title[0], check.explanation[0], check.hint[0]),
            (row[3], check.title[1], check.explanation[1], check.hint[1]),
        ):
            assert title in said
            assert explanation in said
            assert hint in said


def test_every_limit_stands_in_the_page_with_its_value() -> None:
    text = section(page("checks"), "## Limits 阈值")
    values = {each.name: getattr(Targets(), each.name) for each in fields(Targets)} | {"snap_m": Subject().snap_m}
    compare(set(first_column(text)), set(values))
    for name, value in values.items():
        row = re.search(rf"^\| `{name}` \| ([\d.]+) \|", text, re.MULTILINE)
        assert row is not None
        assert float(row[1]) == value, name


def test_every_check_is_also_an_error_code() -> None:
    assert set(CHECKS) <= set(first_column(page("errors")))
