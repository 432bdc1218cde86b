"""The two languages of the page say the same things."""

import re
from pathlib import Path

import pytest

ADVICE = {"dispatch", "review", "fallback"}
FLAGS = {
    *("near_boundary", "ambiguous", "gap", "named_gap", "outside", "fallback", "stale_component", "crs_assumed"),
    *("assumed_timezone", "assumed_edition", "assumed_accuracy", "unknown_class", "unmapped_class", "before_history"),
}
ENTRY = re.compile(r'^  "(?P<key>[^"]+)":\s*"(?P<word>(?:[^"\\]|\\.)*)",$', re.MULTILINE)


def dictionary(source: str, language: str) -> dict[str, str]:
    """The literal `export const <language>` as keys and words; a key that comes twice is an error."""
    literal = re.search(rf"^export const {language}\b[^=]*= \{{\n(.*?)^\}};$", source, re.MULTILINE | re.DOTALL)
    assert literal is not None, f"i18n.ts has no literal {language}"
    body = literal.group(1)
    entries = [(entry["key"], entry["word"]) for entry in ENTRY.finditer(body)]
    lines = [line for line in body.splitlines() if line.strip()]
    assert len(entries) == len(lines), "a line of the dictionary is not of the form `key: word,`"
    assert len(dict(entries)) == len(entries), "a key comes twice"
    return dict(entries)


@pytest.fixture(scope="module")
def source(project_root: Path) -> str:
    return (project_root / "web" / "src" / "i18n.ts").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def zh(source: str) -> dict[str, str]:
    return dictionary(source, "zh")


@pytest.fixture(scope="module")
def en(source: str) -> dict[str, str]:
    return dictionary(source, "en")


def test_both_dictionaries_have_the_same_keys_in_the_same_order(zh: dict[str, str], en: dict[str, str]) -> None:
    assert list(zh) == list(en)
    assert len(zh) > 100


def test_no_word_is_empty(zh: dict[str, str], en: dict[str, str]) -> None:
    assert [key for key in zh if not zh[key].strip() or not en[key].strip()] == []


def test_both_languages_fill_in_the_same_values(zh: dict[str, str], en: dict[str, str]) -> None:
    def holes(word: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", word))

    assert [key for key in zh if holes(zh[key]) != holes(en[key])] == []


def test_every_chinese_word_is_chinese_and_no_english_one_is(zh: dict[str, str], en: dict[str, str]) -> None:
    chinese = re.compile(r"[\u4e00-\u9fff]")
    # The button that switches is named in the language it leads to; coordinates and pairs are the same in both.
    same = {"app.other_language", "test.coordinates_placeholder", "drawer.said"}
    assert [key for key in zh if key not in same and not chinese.search(zh[key])] == []
    assert [key for key in en if key not in same and chinese.search(en[key])] == []


def test_every_advice_and_every_flag_has_a_word_and_an_explanation(zh: dict[str, str]) -> None:
    wanted = {f"advice.{advice}" for advice in ADVICE} | {f"flag.{flag}" for flag in FLAGS}
    assert wanted | {f"{key}.help" for key in wanted} == {key for key in zh if key.startswith(("advice.", "flag."))}


def test_every_key_that_the_page_names_is_in_the_dictionary(project_root: Path, zh: dict[str, str]) -> None:
    named: set[str] = set()
    for path in (project_root / "web" / "src").rglob("*.ts*"):
        named |= set(re.findall(r'\bt\(\s*"([^"]+)"', path.read_text(encoding="utf-8")))
    assert named - set(zh) == set()
    assert len(named) > 50
