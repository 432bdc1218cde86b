"""The rules that a delivery is accepted by: what each demands, which faults break it, and how many may.

A rule passes when the share of rows (or files) with one of its faults is not above its limit. Notes break nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from components.catalogue import ACCURACIES, GEOMETRIES
from components.layers import COMPONENTS
from gis.errors import refuse

Text = tuple[str, str]
"""English, Chinese."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; `codes` are the faults that break it, `hint` what to do then. It counts files, or rows."""

    id: str
    title: Text
    demand: Text
    hint: Text
    codes: frozenset[str]
    of: Literal["rows", "files"] = "rows"


def _rule(id_: str, title: Text, demand: Text, hint: Text, codes: str, of: Literal["rows", "files"] = "rows") -> Rule:
    return Rule(id_, title, demand, hint, frozenset(codes.split()), of)


_ALL = (
    _rule(
        "readable",
        ("Files can be read", "文件可读"),
        ("Every file is whole and of the format its ending says.", "文件完整，格式与扩展名一致。"),
        ("Export the file again, with all its parts.", "请重新导出并提交全部组成文件。"),
        "file_unreadable file_missing file_empty format_unknown layer_missing layer_ambiguous encoding_wrong "
        "encoding_unknown packed_within column_missing field_unknown",
        of="files",
    ),
    _rule(
        "encoding",
        ("Text is legible", "文字编码"),
        ("No character is replaced or in doubt.", "文字无乱码、无替换字符。"),
        ("Save the file in UTF-8 or GBK, with a .cpg.", "请以 UTF-8 或 GBK 保存并附 .cpg。"),
        "encoding_replaced encoding_doubtful",
    ),
    _rule(
        "crs",
        ("Coordinate system", "坐标系"),
        (
            "Coordinates are in the system that the file declares, and in the one that was asked for.",
            "坐标与文件声明及要求的坐标系一致。",
        ),
        ("Deliver in the system of the contract, with a .prj.", "请按合同坐标系提交并附 .prj。"),
        "crs_missing crs_unknown crs_no_transformation crs_overridden swapped_axes coordinates_out_of_range "
        "crs_shifted crs_doubtful crs_contradicted",
    ),
    _rule(
        "geometry",
        ("Sound geometry", "几何有效"),
        ("Every row has a valid geometry.", "每行均有有效几何。"),
        ("Draw it anew, or repair it.", "请重画或修复。"),
        "missing_geometry geometry_unreadable invalid_geometry wrong_geometry_type coordinate_not_finite "
        "antimeridian_crossed",
    ),
    _rule(
        "geometry_type",
        ("Type of geometry", "几何类型"),
        ("A class is surveyed as point, line or polygon, as the catalogue says.", "各类别按目录规定的点、线、面采集。"),
        ("Survey it as the class demands.", "请按类别要求的几何类型采集。"),
        "geometry_type_differs",
    ),
    _rule(
        "class_known",
        ("Class known", "类别有效"),
        ("The edition has the class.", "类别在标准版中存在。"),
        ("Correct the class, or have a local one added.", "请更正类别，或先增加本地类别。"),
        "class_unknown",
    ),
    _rule(
        "class_agrees",
        ("Class agrees", "类别一致"),
        ("Field, name of the layer and code say the same class.", "类别字段、图层名与标识码中的类别一致。"),
        ("Move the row to the layer of its class, or correct its code.", "请移入相应类别的图层或更正标识码。"),
        "class_contradicted class_name_differs",
    ),
    _rule(
        "required",
        ("Required fields", "必填项"),
        ("What is required is filled in.", "必填字段均已填写。"),
        ("Fill it in.", "请补填。"),
        "value_missing field_missing",
    ),
    _rule(
        "values",
        ("Values", "字段值"),
        ("Numbers, dates and codes are such.", "数值、日期、代码格式正确。"),
        ("Correct the value; deliver codes as text.", "请更正；编码请以文本提交。"),
        "value_wrong code_damaged cell_error cells_uneven formula_not_computed number_rounded",
    ),
    _rule(
        "code_form",
        ("Form of the code", "编码格式"),
        (
            "Codes have the digits of their edition (2026: 17, 2013: 16).",
            "标识码位数符合标准版（2026 版 17 位，2013 版 16 位）。",
        ),
        ("Give the code anew.", "请重新编码。"),
        "code_form",
    ),
    _rule(
        "code_place",
        ("County of the code", "编码与区县一致"),
        ("The county in the code is that of the place.", "标识码中的区县与所在位置一致。"),
        ("Correct the code or the position.", "请更正标识码或位置。"),
        "code_elsewhere",
    ),
    _rule(
        "code_unique",
        ("Codes given once", "编码唯一"),
        ("No code comes twice, also in different files.", "标识码不重复，跨文件亦然。"),
        ("Give one of them another code, or leave the repetition out.", "请改编其一，或删除重复行。"),
        "code_duplicate",
    ),
    _rule(
        "twice",
        ("Surveyed once", "重复采集"),
        ("No two of a class lie in the same place.", "同类部件不在同一位置重复采集。"),
        ("Look at the place; leave one of them out.", "请到现场核对并删除重复者。"),
        "near_duplicate",
    ),
    _rule(
        "inside",
        ("Within the grid", "位于网格内"),
        ("Components lie in a unit of the grid.", "部件位于单元网格内。"),
        ("Check the position, and whether the contract covers the place.", "请核对位置及是否属于合同范围。"),
        "outside_units",
    ),
    _rule(
        "accuracy",
        ("Accuracy", "位置精度"),
        ("The accuracy stated is that of the class, or better.", "所填位置精度不低于类别要求。"),
        ("Survey it again with the accuracy demanded.", "请按要求的精度重测。"),
        "accuracy_exceeded",
    ),
    _rule(
        "bodies",
        ("Bodies known", "责任单位有效"),
        ("Supervisor, owner and maintainer are departments in force.", "主管、权属、养护单位为在用部门。"),
        ("Use codes of the department list.", "请使用部门表中的代码。"),
        "department_unknown",
    ),
    _rule(
        "other",
        ("Other", "其他"),
        ("Nothing else is wrong.", "无其他问题。"),
        ("See the sentence.", "见问题说明。"),
        "",
    ),
)
RULES: Mapping[str, Rule] = {rule.id: rule for rule in _ALL}
_OF_CODE = {code: rule for rule in _ALL for code in rule.codes}


def rule_of(code: str) -> Rule:
    """The rule that a fault breaks."""
    return _OF_CODE.get(code, RULES["other"])


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a delivery may have of each fault, and what else is demanded of it.

    `shares` by rule, 0 to 1. `required` are fields. Of a class two components less than `near_m` apart are one.
    `geometry` and `accuracy` are by the beginning of a class's code, and go before the catalogue. Of the field sample
    `right` of all and `right_of_class` of each class must be right, and positions right to the class's accuracy, of
    classes without one to `position_m`.
    """

    shares: Mapping[str, float]
    required: tuple[str, ...]
    near_m: float
    geometry: Mapping[str, str] = field(default_factory=dict)
    accuracy: Mapping[str, str] = field(default_factory=dict)
    right: float = 0.95
    right_of_class: float = 0.9
    position_m: float = 1.0

    def known_geometry(self, class_code: str, catalogued: str) -> str:
        """The type of geometry of a class, empty where nobody says."""
        return _longest(self.geometry, class_code) or catalogued

    def known_accuracy(self, class_code: str, catalogued: str) -> float | None:
        """The accuracy of a class in metres, None where nobody says."""
        return ACCURACIES.get(_longest(self.accuracy, class_code) or catalogued)


def _longest(by_class: Mapping[str, str], code: str) -> str:
    return next((by_class[code[:end]] for end in range(len(code), 0, -1) if code[:end] in by_class), "")


@cache
def default_limits() -> Limits:
    """The limits that ship with the product."""
    return _limits(yaml.safe_load(files("components").joinpath("data/acceptance.yaml").read_text(encoding="utf-8")))


def read_limits(path: Path | None) -> Limits:
    """The limits in a YAML file, over the default ones. Errors: Refusal file_missing, limits_wrong."""
    if path is None:
        return default_limits()
    if not path.is_file():
        raise refuse("file_missing", f"There is no file {path}.", f"文件不存在：{path}。", kind="unreadable")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _wrong(path.name, f"it is no YAML: {str(error)[:200]}", "它不是有效的 YAML") from error
    if not isinstance(given, dict):
        raise _wrong(path.name, "it holds no mapping", "内容不是键值映射")
    shipped = yaml.safe_load(files("components").joinpath("data/acceptance.yaml").read_text(encoding="utf-8"))
    unknown = sorted(given.keys() - shipped.keys())
    if unknown:
        names = ", ".join(map(str, unknown))
        raise _wrong(path.name, f"{names} is none of {', '.join(shipped)}", f"{names} 不是有效的项")
    merged = {name: _over(shipped[name], given.get(name, shipped[name])) for name in shipped}
    try:
        return _limits(merged)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong(path.name, str(error), f"内容有误：{error}") from error


def _over(shipped: Any, given: Any) -> Any:
    return {**shipped, **given} if isinstance(shipped, dict) and isinstance(given, dict) else given


def _limits(read: Mapping[str, Any]) -> Limits:
    unknown = sorted(set(read["rules"]) - RULES.keys())
    fields = {each.name for each in COMPONENTS.shown}
    required = tuple(str(name) for name in read["required"])
    geometry = {str(code): str(kind) for code, kind in (read["geometry"] or {}).items()}
    accuracy = {str(code): str(grade) for code, grade in (read["accuracy"] or {}).items()}
    if unknown:
        raise ValueError(f"there is no rule {', '.join(unknown)}; the rules are {', '.join(RULES)}")
    if set(required) - fields:
        raise ValueError(f"no field is called {', '.join(sorted(set(required) - fields))}")
    if set(geometry.values()) - {*GEOMETRIES} or set(accuracy.values()) - ACCURACIES.keys():
        raise ValueError("geometry is point, line or polygon; accuracy is A, B or C")
    sample = read["sample"]
    near, position = float(read["near_m"]), float(sample["position_m"])
    if not (0 <= near <= 100 and 0 < position <= 1000):
        raise ValueError("near_m is from 0 to 100 metres, position_m above 0 and up to 1000")
    return Limits(
        {id_: read_share(read["rules"].get(id_, 0)) for id_ in RULES},
        required,
        near,
        geometry,
        accuracy,
        read_share(sample["right"]),
        read_share(sample["right_of_class"]),
        position,
    )


def read_share(given: Any) -> float:
    """A share as people write it: 0.05 or "5%". Errors: ValueError."""
    text = str(given).strip()
    share = float(text[:-1]) / 100 if text.endswith(("%", "％")) else float(text)
    if isinstance(given, bool) or not 0 <= share <= 1:
        raise ValueError(f"{given} is no share: write 0.05 or 5%")
    return share


def _wrong(name: str, en: str, zh: str) -> Exception:
    return refuse("limits_wrong", f"{name} cannot be taken as limits: {en}.", f"{name} 不能作为验收限值：{zh}。")
