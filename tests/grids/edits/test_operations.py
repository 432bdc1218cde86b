import json
import re
from contextlib import suppress

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gis.errors import Refusal
from grids.edits.ground import after
from grids.edits.operations import OPERATIONS, apply
from tests.conftest import ROOT
from tests.gis.samples import refusal
from tests.grids.edits.cities import EAST, STREET, WEST, city, everything
from tests.grids.edits.invariants import assert_sound
from tests.grids.edits.test_reshape import chain
from tests.grids.edits.test_split import across


def test_every_edit_is_worked_out_from_its_json_form():
    ground = city(1, plain=True)
    unit = ground.unit(f"{WEST}005")
    line = across(unit)
    a, *_, b = chain(unit, ground.unit(f"{WEST}004")).coords
    x, y = unit.polygon.exterior.coords[0]
    far = shapely.geometry.mapping(shapely.box(114.2, 22.6, 114.201, 22.601))
    bent = after(ground, apply(ground, {"op": "move_vertex", "from": [x, y], "to": [x + 1e-7, y]}))
    shapes = {each.code: shapely.geometry.mapping(each.polygon) for each in everything(bent)}
    documents = [
        {"op": "redraw", "units": shapes},
        {"op": "split", "unit": unit.code, "line": line, "codes": [f"{WEST}700", f"{WEST}701"], "snap_m": 0.1},
        {"op": "merge", "units": [unit.code, f"{WEST}004"], "code": unit.code},
        {"op": "reshape", "units": [unit.code, f"{WEST}004"], "line": {"type": "LineString", "coordinates": [a, b]}},
        {"op": "move_vertex", "from": [x, y], "to": [x + 1e-7, y]},
        {"op": "add", "geometry": far, "code": f"{WEST}700"},
        {"op": "retire", "unit": unit.code, "into": f"{WEST}004"},
        {"op": "retire", "unit": unit.code, "into": [f"{WEST}004"]},
        {"op": "renumber", "community": WEST},
        {"op": "set", "unit": unit.code, "attributes": {"note": "x"}},
        {"op": "add_division", "division": f"{STREET}009", "name": "x"},
        {"op": "rename_division", "division": STREET, "name": "x"},
        {"op": "merge_divisions", "divisions": [WEST, EAST], "into": WEST},
        {
            "op": "divide_division",
            "division": STREET,
            "parts": [{"code": STREET, "members": [WEST]}, {"code": "440305009", "name": "x", "members": [EAST]}],
        },
        {"op": "transfer", "members": [f"{WEST}003"], "to": EAST},
    ]
    assert {document["op"] for document in documents} == set(OPERATIONS)
    for document in json.loads(json.dumps(documents)):
        same = document["op"] not in ("move_vertex", "add", "redraw")
        assert_sound(ground, apply(ground, document), same)


@pytest.mark.parametrize(
    "document",
    [
        {"op": "split", "unit": "x"},
        {"op": "split", "unit": 440305001001005, "line": [[1, 2], [3, 4]]},
        {"op": "split", "unit": "x", "line": "1 2, 3 4"},
        {"op": "split", "unit": "x", "line": [[1, 2], [3, "4"]]},
        {"op": "split", "unit": "x", "line": [[1, 2], [3]]},
        {"op": "split", "unit": "x", "line": {"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}},
        {"op": "split", "unit": "x", "line": [[1, 2], [3, 4]], "snap_m": -1},
        {"op": "split", "unit": "x", "line": [[1, 2], [3, 4]], "snap_m": 1000},
        {"op": "split", "unit": "x", "line": [[1, 2], [3, 4]], "colour": "red"},
        {"op": "merge", "units": "x"},
        {"op": "merge", "units": ["x", 1]},
        {"op": "move_vertex", "from": [1], "to": [1, 2]},
        {"op": "move_vertex", "from": [True, False], "to": [1, 2]},
        {"op": "add", "geometry": {"type": "Point", "coordinates": [1, 2]}},
        {"op": "add", "geometry": {"type": "Polygon", "coordinates": []}},
        {"op": "add", "geometry": {"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}},
        {"op": "add", "geometry": {"type": "MultiPolygon", "coordinates": [[]]}},
        {"op": "renumber", "community": WEST, "reuse": "yes"},
        {"op": "set", "unit": "x", "attributes": [1]},
        {"op": "transfer", "members": {"a": 1}, "to": "b"},
        {"op": "divide_division", "division": "a", "parts": {}},
    ],
)
def test_a_form_that_is_not_that_of_the_edit_is_refused_and_says_what_is_needed(document):
    found = refusal(apply, city(1), document)
    assert found.code == "edit_wrong"
    assert document["op"] in found.faults[0].en


def test_an_edit_that_does_not_exist_is_refused_with_those_that_do():
    for document in ({"op": "explode"}, {}, {"op": ["split"]}):
        found = refusal(apply, city(1), document)
        assert found.code == "edit_unknown"
        assert "move_vertex" in found.faults[0].en


def test_places_outside_the_world_or_no_numbers_are_refused():
    ground = city(1)
    for x, fault in ((500, "coordinates_out_of_range"), (float("nan"), "coordinate_not_finite")):
        document = {"op": "split", "unit": f"{WEST}001", "line": [[x, 1], [2, 3]]}
        assert refusal(apply, ground, document).code == fault


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-200, 200)
    | st.floats(-200, 200)
    | st.sampled_from([WEST, f"{WEST}001", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "coordinates", "x"]), inner),
    max_leaves=8,
)
MEMBERS = sorted({member for each in OPERATIONS.values() for member in {**each.needed, **each.allowed}})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(OPERATIONS)), st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_whatever_is_sent_gives_an_edit_or_a_refusal(name, members):
    needed = {member: members.get(member, WEST) for member in OPERATIONS[name].needed}
    allowed = {member: members[member] for member in OPERATIONS[name].allowed if member in members}
    with suppress(Refusal):
        apply(city(1), {"op": name, **needed, **allowed})


def test_the_examples_of_the_reference_are_edits_in_order():
    whole = (ROOT / "docs" / "reference" / "edits.md").read_text(encoding="utf-8")
    text = whole.split("## Rows of other layers")[0]  # those are no edits of the ground
    headings = re.findall(r"^### `(\w+)`", text, re.MULTILINE)
    assert sorted(headings) == sorted(OPERATIONS)
    ground = city(1, plain=True)
    for name in headings:
        section = text.split(f"### `{name}`")[1].split("\n### ")[0]
        examples = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
        assert examples, name
        for example in examples:
            document = json.loads(example)
            assert document["op"] == name
            for member in {**OPERATIONS[name].needed, **OPERATIONS[name].allowed}:
                assert f"`{member}`" in section, (name, member)
            ground = after(ground, apply(ground, document))
    assert len(everything(ground)) > 20
