"""Which class the name of a layer says."""

import pytest

from components.catalogue import built_in
from components.surveys.naming import class_in_name

CLASSES = {each.key: each for each in built_in()}


@pytest.mark.parametrize(
    ("title", "edition", "code"),
    [
        ("01001供水井盖", "2026", "01001"),
        ("0101上水井盖", "2013", "0101"),
        ("0101_上水井盖", "2013", "0101"),
        ("01001", "2026", "01001"),
        ("南山区2026年01037路灯普查", "2026", "01037"),
        ("路灯01037", "2026", "01037"),
        ("供水井盖", "2026", "01001"),
        ("上水井盖", "2013", "0101"),
    ],
)
def test_the_class_is_read_from_the_name(title: str, edition: str, code: str) -> None:
    found = class_in_name(title, CLASSES, None)
    assert (found.edition, found.class_code, found.source, found.faults) == (edition, code, "name", ())


@pytest.mark.parametrize(
    "title",
    ["部件", "部件_2026_0101", "20260501", "components", "2013普查", "99999路", "a01001b", "44030501037000001灯", ""],
)
def test_digits_that_say_no_class_are_none(title: str) -> None:
    found = class_in_name(title, CLASSES, None)
    assert (found.class_code, found.faults) == (None, ())


def test_a_name_of_another_class_than_its_code_is_told() -> None:
    found = class_in_name("01001污水井盖", CLASSES, None)
    assert found.class_code == "01001"
    assert [fault.code for fault in found.faults] == ["class_name_differs"]
    assert "供水井盖" in found.faults[0].zh


def test_an_edition_that_is_demanded_goes_before_the_number_of_digits() -> None:
    assert class_in_name("0101上水井盖", CLASSES, "GB/T 30428.2-2013").class_code == "0101"
    found = class_in_name("0101上水井盖", CLASSES, "2026")
    assert found.class_code is None
    assert [fault.code for fault in found.faults] == ["class_unknown"]
