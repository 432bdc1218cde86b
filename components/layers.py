"""The layers of the inventory, described once, with the heads of the 2026 and the 2013 deliveries."""

from gis.layer import Field, Layer

WORST_ACCURACY_M = 10_000.0
"""Every search for a component reaches as far as the worst accuracy of any."""
ATTRIBUTES = Field("attributes", "document", "further attributes", "其他属性")

COMPONENTS = Layer(
    "components",
    "Components",
    "部件",
    "component",
    "mixed",
    (
        Field("code", "code", "code", "部件标识码", required=True, aliases=("glbjbsm", "objid", "标识码")),
        Field("edition", "text", "edition", "标准版"),
        Field("class_code", "code", "class", "类别代码", aliases=("class", "类别代码")),
        Field("name", "text", "name", "名称", aliases=("glbjmc", "objname", "名称")),
        Field("state", "text", "state", "状态", aliases=("glbjzt", "objstate", "状态")),
        Field("supervisor_code", "code", "supervisor code", "主管部门代码", aliases=("zgbmdm", "deptcode1")),
        Field("supervisor_name", "text", "supervisor", "主管部门", aliases=("zgbmmc", "deptname1")),
        Field("owner_code", "code", "owner code", "权属单位代码", aliases=("qsdwdm", "deptcode2")),
        Field("owner_name", "text", "owner", "权属单位", aliases=("qsdwmc", "deptname2")),
        Field("maintainer_code", "code", "maintainer code", "养护单位代码", aliases=("yhdwdm", "deptcode3")),
        Field("maintainer_name", "text", "maintainer", "养护单位", aliases=("yhdwmc", "deptname3")),
        Field("initial_date", "date", "initial date", "初始日期", aliases=("csrq", "ordate")),
        Field("change_date", "date", "change date", "变更日期", aliases=("bgrq", "chdate")),
        Field("source", "text", "source", "数据来源", aliases=("sjly", "datasource")),
        Field("accuracy_m", "number", "accuracy in metres", "精度（米）", within=(0, WORST_ACCURACY_M)),
        Field("note", "text", "note", "备注", aliases=("bz",)),
        ATTRIBUTES,
    ),
)

CATALOGUE = Layer(
    "catalogue",
    "Catalogue",
    "部件事项目录",
    "local_class",
    "none",
    (
        Field("edition", "code", "edition", "标准版", required=True),
        Field("kind", "text", "kind", "种类", required=True),
        Field("code", "code", "code", "代码", required=True),
        Field("name_zh", "text", "Chinese name", "中文名称"),
        Field("name_en", "text", "English name", "英文名称"),
        Field("major_code", "code", "major class", "大类代码"),
        Field("major_name_zh", "text", "name of the major class", "大类名称"),
        Field("evidence", "text", "evidence", "依据"),
        Field("geometry_type", "text", "type of geometry", "几何类型"),
        Field("accuracy_class", "text", "accuracy class", "精度等级"),
    ),
)
