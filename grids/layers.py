"""The layers of the grid, described once."""

from collections.abc import Mapping
from typing import Any

from gis.layer import Field, Layer

CODE = Field("code", "code", "code", "编码", required=True, aliases=("编码", "代码"))
NAME = Field("name", "text", "name", "名称", aliases=("名称",))
DEPARTMENT = Field("department", "code", "department", "责任部门", aliases=("dept", "责任部门"))
NOTE = Field("note", "text", "note", "备注", aliases=("bz", "备注"))
NAME_EN = Field("name_en", "text", "English name", "英文名称")
ATTRIBUTES = Field("attributes", "document", "further attributes", "其他属性")

DIVISIONS = Layer(
    "divisions",
    "Divisions",
    "行政区划",
    "division",
    "polygon",
    (CODE, NAME, Field("level", "text", "level", "级别"), DEPARTMENT, ATTRIBUTES),
)

UNITS = Layer(
    "units",
    "Unit grids",
    "单元网格",
    "unit",
    "polygon",
    (
        Field("code", "code", "code", "单元网格编码", required=True, aliases=("bgid", "dywgbsm", "编码")),
        NAME,
        Field("area_m2", "number", "area in square metres", "面积（平方米）"),
        Field("initial_date", "date", "initial date", "初始日期", aliases=("csrq", "ordate", "初始日期")),
        Field("end_date", "date", "end date", "终止日期", aliases=("zzrq", "终止日期")),
        NOTE,
        ATTRIBUTES,
    ),
)

GAPS = Layer(
    "gaps",
    "Named gaps",
    "命名空洞",
    "gap",
    "polygon",
    (CODE, Field("name", "text", "name", "名称", required=True, aliases=("名称",)), NOTE),
)

DEPARTMENTS = Layer(
    "departments",
    "Departments",
    "部门",
    "department",
    "none",
    (
        CODE,
        Field("name", "text", "name", "名称", required=True, aliases=("名称",)),
        Field("parent", "code", "parent department", "上级部门", aliases=("上级部门",)),
        Field("ids", "document", "ids in other systems", "其他系统编号"),
    ),
)

MOST_PRIORITY = 1_000_000_000
AREA_FIELDS = (
    CODE,
    NAME,
    DEPARTMENT,
    Field("priority", "integer", "priority", "优先级", aliases=("优先级",), within=(-MOST_PRIORITY, MOST_PRIORITY)),
    ATTRIBUTES,
)


def area_layer(name: str, title: str) -> Layer:
    """The layer of the areas of one field: `areas.drainage`."""
    return Layer(f"areas.{name}", title, title, "area", "polygon", AREA_FIELDS, where={"layer": name})


def reference_layer(declared: Mapping[str, Any]) -> Layer:
    """The layer of a row of `grids.tables.reference_layer`; it is called as it was named."""
    english = (NAME_EN,) if "name_en" in declared["mapping"] else ()
    about = [declared["note"], declared["source"], declared["license"]]
    return Layer(
        declared["code"],
        declared["title_en"],
        declared["title"],
        "reference",
        declared["geometry"],
        (CODE, NAME, *english, ATTRIBUTES),
        where={"layer": declared["code"]},
        further=tuple(Field(each["name"], each["type"], each["name"], each["name"]) for each in declared["fields"]),
        about=" · ".join(part for part in about if part),
    )
