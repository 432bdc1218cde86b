"""Further attributes of components, held to the JSON schema of their class."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from gis.errors import Fault, refuse

LARGEST_SCHEMA = 20_000
"""Characters of a schema, written as JSON."""
REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
WORDS = ("true", "false")
Said = tuple[str, str]


def check_schema(schema: Any) -> None:
    """Errors: Refusal schema_wrong for no JSON schema (2020-12) of an object, one too long or that refers elsewhere."""
    from jsonschema import Draft202012Validator  # a tenth of a second that only schemas need
    from jsonschema.exceptions import SchemaError

    why = None
    if not isinstance(schema, Mapping) or schema.get("type", "object") != "object":
        why = "it is not one of an object", "其类型不是 object"
    elif len(orjson.dumps(schema)) > LARGEST_SCHEMA:
        why = f"it is longer than {LARGEST_SCHEMA} characters", f"超过 {LARGEST_SCHEMA} 个字符"
    elif not REFERENCES.isdisjoint(_names(schema)):
        why = "it refers to another schema", "含有对其他模式的引用"
    else:
        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            why = error.message[:200], error.message[:200]
    if why is not None:
        raise refuse(
            "schema_wrong",
            f"This is no JSON schema (2020-12) for attributes: {why[0]}.",
            f"属性的 JSON 模式（2020-12）无效：{why[1]}。",
        )


def read_attributes(
    schema: Mapping[str, Any], attributes: Mapping[str, Any], row: int, code: str | None = None
) -> tuple[dict[str, Any], list[Fault]]:
    """The attributes as the schema has them, and a fault (attribute_wrong) for each that it refuses.

    Files bring text: where the schema wants a number, a whole number or a truth, text that is one becomes it, and a
    number becomes text where text is wanted.
    """
    wanted = schema.get("properties", {})
    found = {name: _as_wanted(value, wanted.get(name)) for name, value in attributes.items()}
    errors = _validator(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS)).iter_errors(found)
    faults = []
    for error in sorted(errors, key=lambda each: (list(map(str, each.absolute_path)), str(each.validator))):
        name = ".".join(map(str, error.absolute_path))
        if error.validator == "required":
            name = next((each for each in error.validator_value if each not in error.instance), name)
        en, zh = _say(error)
        faults.append(
            Fault(
                "attribute_wrong",
                f"Row {row}: the attribute {name or 's'} {en}.",
                f"第 {row} 行：属性 {name}{zh}。",
                row=row,
                thing=code,
                members={"attribute": name} if name else None,
            )
        )
    return found, faults


def _as_wanted(value: Any, wanted: Any) -> Any:
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if isinstance(value, str):
        text = value.strip()
        if kind == "boolean" and text.lower() in WORDS:
            return text.lower() == WORDS[0]
        try:
            if kind == "integer":
                return int(text)
            if kind == "number" and "_" not in text:
                number = float(text)
                return number if abs(number) < float("inf") else value
        except ValueError:
            return value
    if kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:.15g}"
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


@lru_cache(maxsize=64)
def _validator(written: bytes) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    return Draft202012Validator(orjson.loads(written), registry=Registry())


def _names(schema: Any) -> Iterator[str]:
    """The names of all members, at any depth."""
    if isinstance(schema, Mapping):
        yield from schema
        for each in schema.values():
            yield from _names(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _names(each)


def _say(error: Any) -> Said:
    """What is wrong with a value, in both languages."""
    value, given = error.validator_value, str(error.instance)[:60]
    make = _SENTENCES.get(error.validator)
    return make(value, given) if make else (f"is wrong: {error.message[:200]}", f"不符合规定：{error.message[:200]}")


def _listed(values: Any) -> Said:
    shown = [str(each) for each in values][:20] if isinstance(values, list) else [str(values)]
    return ", ".join(shown), "、".join(shown)


_SENTENCES: Mapping[str, Callable[[Any, str], Said]] = {
    "required": lambda value, given: ("is missing", "缺失"),
    "type": lambda value, given: (
        f"is of the type {_listed(value)[0]}, not '{given}'",
        f"应为 {_listed(value)[1]} 类型，现为“{given}”",
    ),
    "enum": lambda value, given: (
        f"is one of {_listed(value)[0]}, not '{given}'",
        f"只能是 {_listed(value)[1]}，现为“{given}”",
    ),
    "const": lambda value, given: (f"is {value}, not '{given}'", f"只能是 {value}，现为“{given}”"),
    "minimum": lambda value, given: (f"is at least {value}, not {given}", f"不得小于 {value}，现为 {given}"),
    "maximum": lambda value, given: (f"is at most {value}, not {given}", f"不得大于 {value}，现为 {given}"),
    "exclusiveMinimum": lambda value, given: (f"is more than {value}, not {given}", f"须大于 {value}，现为 {given}"),
    "exclusiveMaximum": lambda value, given: (f"is less than {value}, not {given}", f"须小于 {value}，现为 {given}"),
    "multipleOf": lambda value, given: (
        f"is a multiple of {value}, not {given}",
        f"须为 {value} 的整数倍，现为 {given}",
    ),
    "minLength": lambda value, given: (
        f"has at least {value} characters, not '{given}'",
        f"至少 {value} 个字符，现为“{given}”",
    ),
    "maxLength": lambda value, given: (
        f"has at most {value} characters, not '{given}'",
        f"最多 {value} 个字符，现为“{given}”",
    ),
    "pattern": lambda value, given: (f"has the form {value}, not '{given}'", f"须符合格式 {value}，现为“{given}”"),
    "additionalProperties": lambda value, given: (
        "has a member that the class does not know",
        "含有该类别未规定的属性",
    ),
}
