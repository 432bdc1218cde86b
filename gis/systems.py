"""Coordinate reference systems that have a name here alone: a city's own, whose parameters are secret.

Such a system is a `Crs` whose definition travels inside the value and shows in none of its texts; files written in it
hold its name and nothing else of it. Whoever reads names from people or files asks a `Systems` first.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gis import crs as reference
from gis.crs import Crs, CrsLike, Local
from gis.errors import Refusal, refuse
from gis.similarity import Similarity

_NAME = re.compile(r"[^\W_][\w.-]{0,59}")


@dataclass(frozen=True, slots=True)
class Systems:
    """The local systems that are known, by their folded names."""

    local: Mapping[str, Crs] = field(default_factory=lambda: MappingProxyType({}))

    def find(self, text: CrsLike | None) -> CrsLike | None:
        """The local system of this name; anything else as it is."""
        return self.local.get(fold(text), text) if isinstance(text, str) else text

    def parse(self, text: CrsLike) -> Crs:
        """The local system of this name, else what everybody knows by it. Errors: Refusal crs_unknown."""
        found = self.find(text)
        assert found is not None
        return reference.parse(found)


def fold(name: str) -> str:
    """The name as it is compared: without case and outer blanks."""
    return name.strip().casefold()


def make_systems(systems: Mapping[str, Crs]) -> Systems:
    """From systems by their names as people write them."""
    return Systems(MappingProxyType({fold(name): crs for name, crs in systems.items()}))


def check_name(name: str) -> None:
    """Errors: Refusal crs_name_wrong for a name that a local system cannot have."""
    wrong = not _NAME.fullmatch(name) or name.isdigit()
    if not wrong:
        try:
            reference.parse(name)
            wrong = True  # it means another one already
        except Refusal:
            return
    shown = name if len(name) <= 60 else name[:60] + "…"
    raise refuse(
        "crs_name_wrong",
        f"'{shown}' cannot name a local system: up to 60 letters, digits, - _ . and no name that is known already.",
        f"“{shown}”不能作为地方坐标系名称：可用文字、数字、- _ .，最多 60 个字符，且不得与已知坐标系重名。",
    )


def make_local(name: str, definition: str, similarity: Similarity | None = None) -> Crs:
    """A local system: WKT or PROJ text, or the plane system `definition` reached by a similarity.

    Errors: Refusal crs_definition_wrong, which does not repeat the definition; crs_not_plane.
    """
    try:
        outer = reference.parse(definition)
        made = Crs(
            name=name,
            is_geographic=outer.is_geographic,
            unit_m=outer.unit_m * (1.0 if similarity is None else similarity.scale),
            area=outer.area,
            frame=outer.frame,
            local=Local(definition, similarity),
        )
        if outer.name in ("GCJ-02", "BD-09"):
            raise _wrong()
        if similarity is not None and outer.is_geographic:
            raise refuse(
                "crs_not_plane",
                f"Control points need a national plane system such as EPSG:4547, and {outer.name} is none.",
                f"控制点须给出国家平面坐标系（例如 EPSG:4547），{outer.name} 不是平面坐标系。",
            )
        reference.check_transformation(made)
    except Refusal as refusal:
        if refusal.code == "crs_not_plane":
            raise
        raise _wrong() from None
    return made


def _wrong() -> Refusal:
    return refuse(
        "crs_definition_wrong",
        "This is no WKT or PROJ text of a horizontal system that can be placed on the earth; a datum of your own needs "
        "its +towgs84 parameters.",
        "该 WKT 或 PROJ 文本不是可定位的平面或大地坐标系；自定义基准须给出 +towgs84 参数。",
    )


def to_document(crs: Crs) -> dict[str, Any]:
    """The secret of a local system as JSON members, for the store alone."""
    assert crs.local is not None
    turn = crs.local.similarity
    numbers = None if turn is None else {name: getattr(turn, name) for name in turn.__slots__}
    return {"definition": crs.local.definition, "similarity": numbers}


def from_document(name: str, document: Mapping[str, Any]) -> Crs:
    """The local system that `to_document` told."""
    numbers = document["similarity"]
    return make_local(name, document["definition"], None if numbers is None else Similarity(**numbers))


_ENGINEERING = re.compile(r'\s*(?:LOCAL_CS|ENGCRS|ENGINEERINGCRS)\["([^"]*)"', re.IGNORECASE)
_NAMELESS = re.compile(r"undefined|unknown|unnamed|not specified|^\s*$", re.IGNORECASE)


def name_in(text: str) -> str | None:
    """The name in the WKT or PROJJSON of a system that is no more than a name; None for any other text."""
    found = _ENGINEERING.match(text)
    name = found[1] if found else None
    if name is None and text.lstrip().startswith("{"):
        try:
            document = json.loads(text)
        except ValueError:
            return None
        if isinstance(document, dict) and document.get("type") == "EngineeringCRS":
            name = str(document.get("name", ""))
    return None if name is None or _NAMELESS.search(name) else name


def name_as_wkt(crs: Crs) -> str:
    """A system that is no more than the name of `crs`, as files hold it."""
    return f'LOCAL_CS["{crs.name}",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'


def name_as_json(crs: Crs) -> dict[str, Any]:
    """The same as PROJJSON."""
    axes = [
        {"name": name, "abbreviation": name[:1].upper(), "direction": name.removesuffix("ing"), "unit": "metre"}
        for name in ("easting", "northing")
    ]
    return {
        "type": "EngineeringCRS",
        "name": crs.name,
        "datum": {"type": "EngineeringDatum", "name": crs.name},
        "coordinate_system": {"subtype": "Cartesian", "axis": axes},
    }
