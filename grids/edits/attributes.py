"""Set attributes of a unit. Its code and area are not among them: a renumbering gives the one, its shape the other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gis.errors import refuse
from gis.intake import reader_of
from gis.layer import Field
from grids.edits.ground import Ground
from grids.edits.refusals import known, nothing_changes
from grids.edits.value import Edit
from grids.layers import UNITS

DERIVED = ("code", "area_m2")
SETTABLE = {field.name: field for field in UNITS.fields if field.name not in DERIVED}


def set_attributes(ground: Ground, code: str, attributes: Mapping[str, Any]) -> Edit:
    """Give fields of a unit new values; null or blank empties one.

    `attributes` among them holds the further columns a city has: its members are laid over those there are, null takes
    one away. Errors: Refusal attribute_unknown, attribute_wrong, nothing_changes, unit_unknown, unit_retired.
    """
    unit = known(ground, code)
    values = dict(unit.attributes)
    for name, value in attributes.items():
        field = SETTABLE.get(name)
        if field is None:
            raise refuse(
                "attribute_unknown",
                f"A unit has no attribute '{name}' to set; there are {', '.join(SETTABLE)}, and others go into "
                "'attributes'.",
                f"网格没有可设置的属性“{name}”；可设置：{'、'.join(SETTABLE)}，其他属性请写入 attributes。",
                thing=code,
            )
        document = field.type == "document"
        values[name] = _further(code, values.get(name), value) if document else _read(code, field, value)
    if values == dict(unit.attributes):
        raise nothing_changes(code)
    return Edit((unit,), (replace(unit, attributes=values),))


def _read(code: str, field: Field, value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            return reader_of(field)(value)
        except (ValueError, TypeError, OverflowError):
            pass
    raise _wrong(code, field, value)


def _further(code: str, old: Any, value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, Mapping):
        raise _wrong(code, SETTABLE["attributes"], value)
    for each in (value or {}).values():
        if each is not None and not isinstance(each, str | int | float):
            raise _wrong(code, SETTABLE["attributes"], each)
    laid = {**(old or {}), **value} if value is not None else {}
    return {name: each for name, each in laid.items() if each is not None} or None


def _wrong(code: str, field: Field, value: Any) -> Exception:
    shown = str(value)[:60]
    return refuse(
        "attribute_wrong",
        f"'{shown}' is no {field.type} for {field.en} of {code}.",
        f"“{shown}”不是 {code} 的有效{field.zh}。",
        thing=code,
    )
