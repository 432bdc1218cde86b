"""What a case takes from its source."""

from typing import Any

import pytest

from cases.reports import Case, Defaults, from_record, parse_zone
from cases.routing import advise
from cases.sources import Source, Sources, make_sources
from gis.china import wgs84_to_gcj02

HOTLINE = Source("hotline", "44", "GCJ-02", 30.0, "+09:00", "2013", "matter")
MAPPED = Source(
    "phones",
    edition="2026",
    kind="matter",
    classes={"A": ("2026", "component", "01001"), "B": ("dc", "matter", "S")},
)
KNOWN = make_sources([HOTLINE, MAPPED], [("2026", "component", "01999")])
SAID = {"lon": 114.05, "lat": 22.54, "crs": "CRS84", "reported_at": "2026-05-01T08:00:00"}


DEFAULTS = Defaults(sources=KNOWN)


def read(defaults: Defaults = DEFAULTS, **members: Any) -> Case | list[str]:
    found = from_record(SAID | members, defaults, strict=True)
    return found if isinstance(found, Case) else sorted(fault.code for fault in found)


def case(**members: Any) -> Case:
    found = read(**members)
    assert isinstance(found, Case), found
    return found


def test_a_case_takes_what_it_lacks_from_its_source_and_says_so() -> None:
    found = case(source="hotline", crs=None, class_code="0102")
    assert found.flags == ("assumed_accuracy", "assumed_edition", "assumed_timezone", "crs_assumed")
    assert (found.accuracy_m, found.edition, found.kind) == (30.0, "2013", "matter")
    assert found.reported_at is not None
    assert found.reported_at.isoformat() == "2026-05-01T08:00:00+09:00"
    ((lon, lat),) = wgs84_to_gcj02([[found.lon, found.lat]]).tolist()  # type: ignore[arg-type]
    assert (lon, lat) == pytest.approx((114.05, 22.54), abs=1e-9)


def test_what_a_case_says_itself_goes_before_its_source() -> None:
    found = case(source="hotline", accuracy_m=5, edition="2026", kind="component", class_code="01999",
                 reported_at="2026-05-01T08:00:00Z")  # fmt: skip
    assert (found.lon, found.accuracy_m, found.flags) == (114.05, 5.0, ())
    assert (found.edition, found.kind) == ("2026", "component")


def test_a_case_whose_source_is_not_declared_must_say_everything_itself() -> None:
    assert read(source="other", crs=None, class_code="0102") == [
        "crs_missing", "edition_missing", "kind_invalid", "time_without_zone"
    ]  # fmt: skip


def test_without_any_word_the_accuracy_is_fifteen_metres_and_never_none() -> None:
    found = read(Defaults(zone=parse_zone("+08:00"), sources=KNOWN), source="phones", class_code="A")
    assert isinstance(found, Case)
    assert (found.accuracy_m, "assumed_accuracy" in found.flags) == (15.0, True)


def test_the_zone_of_the_source_goes_before_that_of_the_store_but_not_before_what_is_said_with_the_call() -> None:
    store = Defaults(zone=parse_zone("+08:00"), sources=KNOWN)
    called = Defaults(zone=parse_zone("+01:00"), stated=frozenset({"zone"}), sources=KNOWN)
    for defaults, offset, flagged in ((store, "+09:00", True), (called, "+01:00", False)):
        found = read(defaults, source="hotline")
        assert isinstance(found, Case)
        assert found.reported_at is not None
        assert found.reported_at.isoformat().endswith(offset)
        assert ("assumed_timezone" in found.flags) == flagged


def test_a_code_of_the_source_is_read_through_its_map() -> None:
    phones = Defaults(zone=parse_zone("+08:00"), sources=KNOWN)
    found = read(phones, source="phones", class_code="A")
    assert isinstance(found, Case)
    assert (found.edition, found.kind, found.class_code) == ("2026", "component", "01001")
    assert "assumed_edition" in found.flags
    assert read(phones, source="phones", class_code="A", kind="matter") == ["class_kind_differs"]


def test_a_case_that_names_an_edition_is_not_read_through_the_map() -> None:
    found = case(source="phones", class_code="A", edition="2026", kind="matter", reported_at=None)
    assert (found.edition, found.kind, found.class_code) == ("2026", "matter", "A")


def test_a_code_that_is_not_in_the_map_is_refused_unless_it_is_itself_a_class() -> None:
    assert read(source="phones", class_code="ZZ", reported_at=None) == ["class_unmapped"]
    found = case(source="phones", class_code="01999", kind="component", reported_at=None)
    assert {"assumed_edition", "unmapped_class"} <= set(found.flags)
    assert advise(frozenset(found.flags)) == "review"
    assert read(source="phones", class_code="01999", reported_at=None) == ["class_unmapped"]  # a matter by the source


def test_a_class_that_its_edition_does_not_have_is_flagged_where_the_catalogue_has_the_edition() -> None:
    said = {"source": "other", "reported_at": None, "kind": "component"}
    assert case(edition="2026", class_code="01999", **said).flags == ("assumed_accuracy",)
    assert case(edition="2026", class_code="0102", **said).flags == ("assumed_accuracy", "unknown_class")
    assert case(edition="2026", class_code="01999", **{**said, "kind": "matter"}).flags[-1] == "unknown_class"
    assert case(edition="dc-311", class_code="S0311", **said).flags == ("assumed_accuracy",)
    assert case(edition="2026", **said).flags == ("assumed_accuracy",)


def test_every_sentence_about_a_class_names_it_in_both_languages() -> None:
    for code, members in (("ZZ", {}), ("A", {"kind": "matter"}), ("A", {"kind": "animal"})):
        (fault,) = from_record(SAID | {"source": "phones", "class_code": code, "reported_at": None} | members,
                               Defaults(sources=KNOWN))  # type: ignore[misc]  # fmt: skip
        assert fault.code == "kind_invalid" or (code in fault.en and code in fault.zh and "phones" in fault.zh)


def test_sources_are_the_same_when_they_are_told_and_read_again() -> None:
    assert Sources.read(KNOWN.tell()) == KNOWN
