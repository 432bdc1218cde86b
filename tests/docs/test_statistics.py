"""The page on statistics names every sum and key, and its example of a set is valid."""

import re

from api.statistics.asking import AREA, KEYS
from cases.indicators.reading import MEMBERS, load_set
from cases.statistics.periods import PERIODS
from cases.statistics.sums import SUMS
from tests.docs.test_reference import compare, first_column, page, section


def test_every_sum_and_every_key_stands_in_its_table() -> None:
    text = page("statistics")
    compare(set(first_column(section(text, "## Sums 统计量"))), set(SUMS))
    keys = {name for name in first_column(section(text, "## Keys 分组项")) if name not in ("street", "county")}
    compare(keys, {each for names in KEYS.values() for each in names} | {f"{AREA}LAYER"})
    assert all(period in section(text, "## Periods 周期") for period in PERIODS)


def test_the_example_of_a_set_is_valid_and_names_every_member() -> None:
    example = re.search(r"```yaml\n(.*?)```", page("statistics"), re.DOTALL)
    assert example is not None
    assert len(load_set(example[1]).indicators) == 1
    compare(set(re.findall(r"^(?:  - |    )(\w+):", example[1], re.MULTILINE)), set(MEMBERS))
