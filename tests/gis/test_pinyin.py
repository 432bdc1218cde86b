"""Chinese text found by how it is spelt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gis.pinyin import Spelling, find, fold, readings

NAMES = ["上水井盖", "行道树", "绿地护栏", "垃圾箱（果皮箱、桶）", "通信交接箱", "EV充电桩"]


@pytest.mark.parametrize(
    ("name", "letters", "found"),
    [
        ("上水井盖", "shangshuijinggai", Spelling(0, False)),
        ("上水井盖", "Shang Shui Jing Gai", Spelling(0, False)),
        ("上水井盖", "ssjg", Spelling(0, True)),
        ("上水井盖", "shshjg", Spelling(0, True)),
        ("上水井盖", "shangsjg", Spelling(0, True)),
        ("上水井盖", "jinggai", Spelling(2, False)),
        ("上水井盖", "shangshuij", Spelling(0, True)),
        ("上水井盖", "上shui", Spelling(0, False)),
        ("行道树", "xingdaoshu", Spelling(0, False)),
        ("行道树", "hangdao", Spelling(0, False)),
        ("绿地护栏", "lǜdì", Spelling(0, False)),
        ("绿地护栏", "lvdi", Spelling(0, False)),
        ("垃圾箱（果皮箱、桶）", "ljxgpxt", Spelling(0, True)),
        ("EV充电桩", "evcdz", Spelling(0, True)),
        ("路灯", "ld", Spelling(0, True)),
        ("路灯", "dl", None),
        ("路灯", "ludengx", None),
        ("路灯", "", None),
        ("", "a", None),
    ],
)
def test_a_name_is_found_by_syllables_initials_and_both(name: str, letters: str, found: Spelling | None) -> None:
    assert find(name, letters) == found


def test_a_character_of_several_readings_is_found_by_each() -> None:
    assert {"xing", "hang"} <= set(readings("行"))
    assert readings("x") == ()


@given(st.sampled_from(NAMES), st.data())
def test_every_choice_of_readings_spells_the_whole_name(name: str, data: st.DataObject) -> None:
    parts = []
    for character in (each for each in name if each.isalnum()):
        syllable = data.draw(st.sampled_from(readings(character) or (character.lower(),)))
        parts.append(data.draw(st.sampled_from([syllable, syllable[:1]])))
    found = find(name, "".join(parts))
    assert found is not None
    assert found.start == 0


@given(st.text(max_size=30), st.text(max_size=12))
def test_no_text_breaks_the_search(text: str, letters: str) -> None:
    find(text, letters)
    assert fold(fold(letters)) == fold(letters)
