"""Names found by characters, pinyin and initials, against a plain look through all of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gis import pinyin, spelling
from gis.wordlist import EXACT, INITIALS, MOST_LOOKED_AT, PART, PREFIX, SPELT, WordList, fold

NAMES = ["中山路", "中山路小学", "解放路", "南山区", "南头街道", "重庆路", "Jiefang Rd", "长安街", "D-1"]
LIST = WordList.build([(name,) for name in NAMES])


def found(typed: str) -> list[tuple[str, int]]:
    return [(NAMES[each.number], each.rank) for each in LIST.find(typed, 20)]


def test_a_whole_name_comes_before_a_beginning_and_that_before_a_part() -> None:
    assert found("中山路") == [("中山路", EXACT), ("中山路小学", PREFIX)]
    assert found("路")[0] == ("中山路", PART)
    assert ("中山路小学", PART) in found("山路")


def test_pinyin_in_full_and_by_initials_finds_chinese_names() -> None:
    assert found("zhongshanlu") == [("中山路", SPELT), ("中山路小学", SPELT)]
    assert found("zhong shan") == found("ZhongShan")
    assert found("zsl") == [("中山路", INITIALS), ("中山路小学", INITIALS)]
    assert found("zhongsl") == found("zhsl") == found("zsl")
    assert found("shanlu") == [("中山路", PART), ("中山路小学", PART)]


def test_a_character_of_several_readings_is_found_by_each() -> None:
    assert found("chongqinglu") == [("重庆路", SPELT)]
    assert found("zhongqinglu") == [("重庆路", SPELT)]
    assert found("changan") == found("zhangan")


def test_letters_of_other_names_are_no_pinyin() -> None:
    assert found("jiefang rd") == [("Jiefang Rd", EXACT)]
    assert found("jiefang") == [("Jiefang Rd", PREFIX), ("解放路", SPELT)]
    assert found("d-1") == [("D-1", EXACT)]


def test_nothing_is_found_by_nothing_and_wildcards_are_letters() -> None:
    assert found("") == found("  ") == found("%") == found("_") == found("\n") == []
    assert WordList.build([]).find("路", 5) == []
    assert WordList.build([(None, "")]).find("路", 5) == []


def test_only_what_is_allowed_is_found_and_counts() -> None:
    many = WordList.build([("路",)] * 100)
    assert [each.number for each in many.find("路", 2, lambda number: number >= 98)] == [98, 99]


def test_a_word_that_is_everywhere_is_not_looked_for_for_ever() -> None:
    many = WordList.build([("某路口",)] * (MOST_LOOKED_AT + 5))
    assert many.find("路", 5, lambda number: number > MOST_LOOKED_AT) == []
    assert many.find("某", 5, lambda number: number > MOST_LOOKED_AT) == []


@given(
    st.lists(st.text(alphabet="重庆长安中山路a1·", min_size=1, max_size=5), max_size=6),
    st.text(alphabet="zhongsaqilu1c", min_size=1, max_size=8),
)
def test_what_is_spelt_is_what_the_pinyin_of_one_name_says(held: list[str], typed: str) -> None:
    text = "".join(f"{fold(name)}\n" for name in held)
    starts = np.cumsum([0, *(len(fold(name)) + 1 for name in held)]).astype(np.int64)
    ranks, rests = spelling.search(spelling.encode(text), starts, typed)
    for name, rank, rest in zip(held, ranks.tolist(), rests.tolist(), strict=True):
        expected = pinyin.find(fold(name), typed)
        assert (rank > 0) == (expected is not None), (name, typed)
        if expected is not None and expected.start == 0:
            assert rank in (spelling.IN_FULL, spelling.IN_SHORT)
        assert 0 <= rest <= len(fold(name))


names = st.text(alphabet="中山路解放abAB -", min_size=1, max_size=6)


@given(st.lists(names, max_size=8), names)
def test_it_finds_what_a_plain_look_through_all_names_finds(held: list[str], typed: str) -> None:
    wanted = fold(typed)
    expected = {
        number: EXACT if fold(name) == wanted else PREFIX if fold(name).startswith(wanted) else PART
        for number, name in enumerate(held)
        if wanted and wanted in fold(name)
    }
    listed = WordList.build([(name,) for name in held]).find(typed, 100)
    told = {each.number: each.rank for each in listed}
    for number, rank in expected.items():
        assert told[number] == rank or (rank == PART and told[number] in (SPELT, INITIALS))
    assert all(number in expected or rank in (SPELT, INITIALS) for number, rank in told.items())
    assert [each.order for each in listed] == sorted(each.order for each in listed)
