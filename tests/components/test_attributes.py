"""Further attributes under the JSON schema of their class, and policies put together."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.attributes import check_schema, read_attributes
from components.policies import Policies, Policy
from gis.errors import Refusal

SCHEMA = {
    "properties": {
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        "height": {"type": "number", "multipleOf": 0.5},
        "on": {"type": "boolean"},
        "kind": {"enum": ["a", "b"]},
        "name": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
    },
    "required": ["count"],
    "additionalProperties": False,
}


def flaws(attributes: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> set[str]:
    return {str((each.members or {}).get("attribute")) for each in read_attributes(schema, attributes, 7)[1]}


def test_text_of_a_file_becomes_what_the_schema_wants() -> None:
    found, faults = read_attributes(SCHEMA, {"count": " 7 ", "height": "2.5", "on": "TRUE", "name": "abc"}, 1)
    assert faults == []
    assert found == {"count": 7, "height": 2.5, "on": True, "name": "abc"}
    assert read_attributes({"properties": {"a": {"type": "string"}}}, {"a": 12.0}, 1)[0] == {"a": "12"}
    assert read_attributes({"properties": {"a": {"type": "integer"}}}, {"a": 3.0}, 1)[0] == {"a": 3}


@pytest.mark.parametrize(
    ("attributes", "wrong"),
    [
        ({}, {"count"}),
        ({"count": 0}, {"count"}),
        ({"count": 9}, {"count"}),
        ({"count": "many"}, {"count"}),
        ({"count": "1_000"}, {"count"}),
        ({"count": 1, "height": 0.3}, {"height"}),
        ({"count": 1, "height": "inf"}, {"height"}),
        ({"count": 1, "on": "perhaps"}, {"on"}),
        ({"count": 1, "kind": "c"}, {"kind"}),
        ({"count": 1, "name": "x"}, {"name"}),
        ({"count": 1, "name": "abcde"}, {"name"}),
        ({"count": 1, "name": "AB"}, {"name"}),
        ({"count": 1, "colour": 1}, {"None"}),
        ({"kind": "c", "on": 3}, {"count", "kind", "on"}),
    ],
)
def test_what_the_schema_refuses_is_told_with_row_attribute_and_two_languages(
    attributes: dict[str, Any], wrong: set[str]
) -> None:
    assert flaws(attributes) == wrong
    for each in read_attributes(SCHEMA, attributes, 7, "X")[1]:
        assert (each.code, each.row, each.thing) == ("attribute_wrong", 7, "X")
        assert each.en.startswith("Row 7: ")
        assert each.zh.startswith("第 7 行：")


PLAIN = st.one_of(st.none(), st.booleans(), st.integers(-3, 12), st.floats(-3, 12), st.text(max_size=5))
NAMES = st.sampled_from((*SCHEMA["properties"], "other"))  # type: ignore[misc]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, PLAIN, max_size=5))
def test_what_is_taken_is_valid_and_what_is_valid_as_it_stands_is_taken(attributes: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    found, faults = read_attributes(SCHEMA, attributes, 1)
    assert validator.is_valid(found) == (not faults)
    if validator.is_valid(attributes):
        assert faults == []
        assert json.loads(json.dumps(found)) == json.loads(json.dumps(attributes))


@pytest.mark.parametrize(
    "schema",
    [
        7,
        [],
        {"type": "array"},
        {"type": "sometimes"},
        {"properties": {"a": {"minimum": "x"}}},
        {"properties": {"a": {"$ref": "#/definitions/b"}}},
        {"allOf": [{"$dynamicRef": "https://example.org/schema"}]},
        {"description": "x" * 30_000},
        {"properties": {"a": {"pattern": "("}}},
    ],
)
def test_what_is_no_schema_of_attributes_is_refused(schema: Any) -> None:
    with pytest.raises(Refusal) as refused:
        check_schema(schema)
    assert refused.value.code == "schema_wrong"


def test_a_policy_is_put_together_of_the_closest_that_says_each_member() -> None:
    known = Policies(
        (
            Policy("", review="never", codes="standard"),
            Policy("4403", "2026", "01037", schema={"required": ["a"]}),
            Policy("4403", "2026", review="always"),
            Policy("440305", codes="free"),
            Policy("4404", review="inspectors"),
        )
    )
    found = known.of("440305001", "2026", "01037")
    assert (found.review, found.codes, found.schema) == ("always", "free", {"required": ["a"]})
    assert known.of("", "2026", "01037") == Policy("", "2026", "01037", "never", "standard")
    assert known.of("4403", "2013", "0101").review == "never"
    assert Policies().of("44", "2026", "01037") == Policy("44", "2026", "01037", "inspectors", "free")
