"""Classes of the catalogue as services."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote

from components.catalogue import Class, ClassKey
from gis.errors import Refusal, refuse

ATTRIBUTES = (
    ("component_code", "string", "Code of the component that is meant 部件编码"),
    ("condition", "string", "Filing condition 立案条件"),
    ("accuracy_m", "number", "Position error in metres 定位误差（米）"),
)
"""What a request may say beside its place: members of a case."""


def packed(text: str) -> str:
    """A text that may stand in an address, a list with commas or a pair, whatever it holds."""
    return quote(text, safe="").replace("~", "%7E").replace(".", "%2E")


def unpacked(text: str) -> str:
    """The text that `packed` told. Errors: Refusal text_wrong for one that no store could look up."""
    found = unquote(text)
    if "\0" in found:
        raise refuse("text_wrong", "A code holds a NUL, which no store keeps.", "编码中含有空字符（NUL），无法存储。")
    return found


def code_of(key: ClassKey) -> str:
    """The service_code of a class: its edition, kind and code."""
    return "~".join(packed(part) for part in key)


def key_of(service_code: str) -> ClassKey:
    """The class that a service_code means. Errors: Refusal service_unknown, text_wrong."""
    parts = [unpacked(part) for part in service_code.split("~")]
    if len(parts) != 3:
        raise service_unknown(service_code)
    edition, kind, code = parts
    return edition, kind, code


def told_service(each: Class) -> dict[str, Any]:
    """A class as GET services lists it."""
    return {
        "service_code": code_of(each.key),
        "service_name": each.name_zh or each.name_en or each.code,
        "description": each.name_en,
        "metadata": True,
        "type": "realtime",
        "keywords": ",".join(part for part in (each.kind, each.edition) if "," not in part),
        "group": each.major_name_zh,
    }


def definition_of(key: ClassKey) -> dict[str, Any]:
    """What may be said of a request of a class, none of which is needed."""
    attributes = [
        {
            "variable": True,
            "code": code,
            "datatype": datatype,
            "required": False,
            "datatype_description": None,
            "order": order,
            "description": description,
        }
        for order, (code, datatype, description) in enumerate(ATTRIBUTES, start=1)
    ]
    return {"service_code": code_of(key), "attributes": attributes}


def listed(classes: Iterable[Class]) -> list[dict[str, Any]]:
    """All services; where several owners have a class of one code, it is one service."""
    once: dict[ClassKey, Class] = {}
    for each in classes:
        once.setdefault(each.key, each)
    return [told_service(each) for each in once.values()]


def service_unknown(service_code: str) -> Refusal:
    """The refusal of a code that no class has."""
    return refuse(
        "service_unknown",
        f"There is no service {service_code[:80]}; the services are listed under /open311/v2/services.json.",
        f"没有服务 {service_code[:80]}；可用服务见 /open311/v2/services.json。",
        kind="missing",
    )
