"""Times are read narrowly: what is no time, or none at which a case can have been reported, is none."""

from datetime import datetime

import pyarrow as pa
import pytest

from cases.instants import in_zone, read_instant
from cases.reports import parse_zone
from cases.times import plain_times
from gis.errors import Refusal

GOOD = {
    "2026-05-01T08:30:00+08:00": "2026-05-01T08:30:00+08:00",
    "2026-05-01T08:30:00Z": "2026-05-01T08:30:00+00:00",
    "2026/05/01 08:30": "2026-05-01T08:30:00",
    "2026-05-01T08:30:00.250+0800": "2026-05-01T08:30:00.250000+08:00",
    "20260501": "2026-05-01T00:00:00",
    " 2026-05-01 ": "2026-05-01T00:00:00",
    "1900-01-01T00:00:00+14:00": "1900-01-01T00:00:00+14:00",
    "2199-12-31T23:59:59-12:00": "2199-12-31T23:59:59-12:00",
}
BAD = [
    "", "now", "2026", "1" * 5000, "２０２６-05-01T08:30:00Z", "2026-W18-5", "2026-05-01X08:30:00", "2026-5-1",
    "2026-02-29", "2026-05-01T24:00:00", "2026-05-01T08:30:60Z", "2026-05-01T08:30:00+24:00",
    "2026-05-01T08:30:00+23:59", "2026-05-01T08:30:00+14:01", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+13:59",
    "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "99999-01-01", "2026-05-01T08:30\0",
    20260501, 1.5, True, None, [], {},
]  # fmt: skip


@pytest.mark.parametrize("written", GOOD)
def test_a_time_is_read_as_it_is_usually_written(written: str) -> None:
    moment = read_instant(written)
    assert moment is not None
    assert moment.isoformat() == GOOD[written]


@pytest.mark.parametrize("value", BAD, ids=lambda value: str(value)[:30])
def test_what_is_no_time_or_lies_far_away_is_none(value: object) -> None:
    assert read_instant(value) is None


def test_columns_pass_no_time_that_a_single_report_would_not() -> None:
    texts = [each for each in (*GOOD, *BAD) if isinstance(each, str) and each]
    plain, naive = plain_times(pa.array(texts))
    for text, is_plain, is_naive in zip(texts, plain.tolist(), naive.tolist(), strict=True):
        moment = read_instant(text)
        assert not is_plain or moment is not None, text
        assert not is_plain or moment is None or is_naive == (moment.tzinfo is None), text
    far = pa.array([datetime(2026, 5, 1), datetime(9999, 12, 31), datetime(1, 1, 1), None], pa.timestamp("us", "UTC"))
    assert plain_times(far)[0].tolist() == [True, False, False, True]


def test_a_time_without_a_zone_is_of_the_zone_that_is_given_or_of_none() -> None:
    naive, zone = datetime(2026, 5, 1), parse_zone("+08:00")
    assert in_zone(naive, None) is None
    assert in_zone(naive, zone) == naive.replace(tzinfo=zone)
    aware = naive.replace(tzinfo=parse_zone("-03:30"))
    assert in_zone(aware, zone) is aware


@pytest.mark.parametrize(
    "text",
    ["", "+", "+-5:00", "+08:-30", "+08:99", "+15:00", "+99999999999999:00", "+０８:00", "+8:5", "-24:00", "Asia",
     "../../etc/passwd", "/etc/localtime", "a\0b", "x" * 5000],
)  # fmt: skip
def test_what_is_no_zone_is_refused_in_words(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_zone(text)
    assert refused.value.code == "zone_unknown"
    assert len(str(refused.value)) < 300
