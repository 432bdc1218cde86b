"""The door through which a draft puts rules."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cases.rules import check, parse, to_row
from cases.tables import rule
from components.catalogue import read_classes
from gis.store.scope import EVERYTHING
from grids.drafts.doors import Checked, Door, Wish
from grids.drafts.grid_doors import departments_of
from grids.edits.value import Feature
from grids.tables import area_layer, division

if TYPE_CHECKING:
    from grids.drafts.sketch import Standing


def _flatten(feature: Feature) -> Mapping[str, Any]:
    """The members of a rule as a rule book has them."""
    document: Mapping[str, Any] = feature.attributes["document"]
    named = {"class_code": "class"}
    return {named.get(name, name): value for name, value in document.items() if name not in ("owner", "code")}


def _check(standing: "Standing", wish: Wish) -> Checked:
    members = {name: value for name, value in wish.values.items() if value is not None}
    rules, faults = parse({"rules": [{**members, "code": wish.code}]}, wish.owner)
    found = check(
        rules,
        departments_of(standing),
        standing.codes("area_layers", area_layer),
        {level.id for level in standing.profile.levels},
        standing.codes("divisions", division),
        read_classes(standing.connection, EVERYTHING, standing.at).keys(),
    )
    # Whether a book has a catch-all is a question of the whole book, not of one rule.
    told = [replace(each, row=None) for each in (*faults, *found) if each.code != "no_catch_all"]
    row = {"owner": wish.owner, "code": wish.code, "document": to_row(rules[0])} if rules else None
    return row, told


def _names(row: Feature) -> tuple[str, ...]:
    """What a rule is kept by, and what it holds for."""
    owner, place = str(row.attributes["owner"]), row.attributes["document"].get("place")
    return (owner,) if place is None else (owner, str(place))


def _renamed(row: Feature, codes: Mapping[str, str]) -> Feature:
    document = {**row.attributes["document"], "code": row.code}
    for name in ("owner", "place"):
        if document.get(name) is not None:
            document[name] = codes.get(document[name], document[name])
    attributes = {**row.attributes, "owner": codes.get(row.attributes["owner"], row.attributes["owner"])}
    return replace(row, attributes={**attributes, "document": document})


RULE_DOORS = {"rules": Door(rule, _flatten, _check, objects=None, names=_names, renamed=_renamed)}
