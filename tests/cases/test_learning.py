"""Rules learnt from who dealt with past cases."""

from hypothesis import given
from hypothesis import strategies as st

from cases.rules import RuleBook
from cases.rules.learning import Precedent, Wanted, learn_rules

RUBBISH, NOISE = ("2026", "matter", "06010"), ("2026", "matter", "06028")
PRECEDENTS = st.lists(
    st.builds(
        Precedent,
        st.sampled_from([RUBBISH, NOISE]),
        st.sampled_from(["A-1", "A-2", None]),
        st.sampled_from(["X", "Y", "Z"]),
    ),
    max_size=40,
)


def many(count: int, area: str | None, department: str, key: tuple[str, str, str] = RUBBISH) -> list[Precedent]:
    return [Precedent(key, area, department)] * count


def told(precedents: list[Precedent], **wanted: float) -> list[tuple[str | None, str, int]]:
    rules = learn_rules(precedents, "lots", "4403", Wanted(**wanted) if wanted else None)  # type: ignore[arg-type]
    return [(rule.area, rule.to[0].value, rule.priority) for rule in rules]


def test_a_class_that_goes_to_one_department_everywhere_has_one_rule() -> None:
    assert told([*many(5, "A-1", "X"), *many(4, "A-2", "X"), *many(1, None, "Y")]) == [(None, "X", -1)]


def test_a_class_that_differs_by_area_has_a_rule_for_each_area_that_differs() -> None:
    assert told([*many(7, "A-1", "X"), *many(3, "A-2", "Y")]) == [(None, "X", -1), ("A-2", "Y", 0)]
    assert told([*many(5, "A-1", "X"), *many(5, "A-2", "Y")]) == [("A-1", "X", 0), ("A-2", "Y", 0)]


def test_where_they_are_few_or_do_not_agree_nothing_is_learnt() -> None:
    assert told(many(2, "A-1", "X")) == []
    assert told([*many(5, "A-1", "X"), *many(5, "A-1", "Y")]) == []
    assert told(many(2, "A-1", "X"), least=2) == [(None, "X", -1)]


def test_a_rule_says_what_it_rests_on() -> None:
    (rule,) = learn_rules([*many(5, "A-1", "X"), *many(1, "A-1", "Y")], "lots", "4403")
    assert (rule.owner, rule.code, rule.edition, rule.kind, rule.class_code) == (
        "4403", "learnt-2026-matter-06010", "2026", "matter", "06010",
    )  # fmt: skip
    assert rule.basis is not None
    assert str(rule.basis.text).startswith("5 / 6")


@given(PRECEDENTS, st.randoms())
def test_the_order_of_cases_does_not_matter_and_every_code_is_one(precedents: list[Precedent], random: object) -> None:
    learnt = learn_rules(precedents, "lots", "4403")
    shuffled = list(precedents)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert learn_rules(shuffled, "lots", "4403") == learnt
    assert len({rule.code for rule in RuleBook.compile(learnt).rules}) == len(learnt)
