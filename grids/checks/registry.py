"""Every check by its id, in the order in which findings are told."""

from grids.checks import belonging, forms, ground, naming, references
from grids.checks.findings import Check

_ALL = (
    Check(
        "invalid_geometry",
        "error",
        ("Invalid polygon", "图形无效"),
        (
            "A unit or named gap is missing its polygon, or the polygon crosses itself.",
            "网格或命名空洞缺少面，或面自相交。",
        ),
        ("Redraw it; a repair rebuilds it from its own lines.", "请重画；可用修复方案按原有边线重建。"),
        ground.invalid_geometry,
        blocks=True,
        remedy="repair",
    ),
    Check(
        "overlap",
        "error",
        ("Overlap", "重叠"),
        ("Two units cover the same ground, of whatever size.", "两个网格压占同一块地，面积不论大小。"),
        (
            "Give them one common edge; a repair cuts the ground off one of them.",
            "请改为同一条公共边；修复方案会把重叠部分划归其中之一。",
        ),
        ground.overlap,
        blocks=True,
        remedy="repair",
    ),
    Check(
        "unmatched_edge",
        "error",
        ("Edges do not match", "公共边不一致"),
        (
            "Two units meet, but one has a node on the common edge that the other lacks.",
            "两个网格相接，但公共边两侧节点不一致。",
        ),
        ("Give both every node of the edge; a repair puts it in.", "请使公共边两侧节点完全相同；修复方案会补入节点。"),
        ground.unmatched_edge,
        blocks=True,
        remedy="repair",
    ),
    Check(
        "gap",
        "error",
        ("Gap", "空隙"),
        (
            "Ground between units belongs to none of them and is not a named gap.",
            "网格之间有不属于任何网格、也未登记为命名空洞的地块。",
        ),
        (
            "Give it to a unit, or name it if it must stay (a lake); a repair closes narrow ones.",
            "请划归某个网格；确需保留的（如湖面）请登记为命名空洞；修复方案可闭合狭窄空隙。",
        ),
        ground.gap,
        blocks=True,
        remedy="name_gap",
    ),
    Check(
        "gap_overlaps_unit",
        "error",
        ("Named gap over a unit", "命名空洞压盖网格"),
        ("A named gap covers ground of a unit.", "命名空洞压占了网格的地块。"),
        ("Take that ground from the gap or from the unit.", "请从命名空洞或网格中去除该地块。"),
        ground.gap_overlaps_unit,
        blocks=True,
    ),
    Check(
        "code_form",
        "error",
        ("Form of the code", "编码格式"),
        ("A unit's code has not the length or the characters of its profile.", "网格编码的位数或字符不符合编码规则。"),
        ("Correct the code, or renumber the community.", "请更正编码，或对社区重新编码。"),
        naming.code_form,
        blocks=True,
    ),
    Check(
        "code_duplicate",
        "error",
        ("Code given twice", "编码重复"),
        ("Several units have one code.", "多个网格使用同一编码。"),
        ("Leave it to one unit and give the others free numbers.", "保留其一，其余改用未使用的编号。"),
        naming.code_duplicate,
        blocks=True,
    ),
    Check(
        "code_reused",
        "error",
        ("Retired code given again", "注销编码再用"),
        (
            "A unit has a code that another unit had before, and its community is not being recoded in full.",
            "网格使用了其他网格曾用的编码，且该社区并非整体重新编码。",
        ),
        (
            "Give a free number, or renumber the community with reuse.",
            "请取未使用的编号，或对社区整体重新编码（--reuse）。",
        ),
        naming.code_reused,
        blocks=True,
    ),
    Check(
        "division_unknown",
        "error",
        ("Division missing", "区划缺失"),
        ("Units' codes begin with a division that there is not.", "网格编码所属的行政区划不存在。"),
        ("Correct the codes, or add the division first.", "请更正编码，或先增加该行政区划。"),
        naming.division_unknown,
        blocks=True,
    ),
    Check(
        "gap_without_hole",
        "warning",
        ("Named gap apart", "命名空洞游离"),
        (
            "A named gap touches no unit and lies in no hole between units.",
            "命名空洞不与任何网格相接，也不在网格之间的空隙内。",
        ),
        ("Check its place, or remove it.", "请核对位置或删除。"),
        ground.gap_without_hole,
    ),
    Check(
        "outside_community",
        "warning",
        ("Outside its community", "超出所属社区"),
        (
            "A unit reaches beyond the outline of the community that its code names (by more than 1 m² or 0.05 m); "
            "where no outline is known: it touches other communities and none of its own.",
            "网格超出其编码所属社区的边界（超过 1 平方米或 0.05 米）；无社区边界时：只与其他社区的网格相邻。",
        ),
        ("Correct the code, or the edge that is wrong.", "请更正编码，或修改有误的边界。"),
        belonging.outside_community,
    ),
    Check(
        "multipart",
        "warning",
        ("Several parts", "多部分"),
        ("A unit consists of parts that are apart from each other.", "一个网格由多个分离部分组成。"),
        ("Make the parts units of their own, or join them.", "请将各部分分设网格，或连成一片。"),
        forms.multipart,
    ),
    Check(
        "sliver",
        "warning",
        ("Sliver", "狭长碎片"),
        (
            "A unit, or a part of it, is less than 1 m wide on average (twice the area over the perimeter).",
            "网格或其一部分的平均宽度（两倍面积除以周长）小于 1 米。",
        ),
        ("Merge it with a neighbour.", "请并入相邻网格。"),
        forms.sliver,
    ),
    Check(
        "duplicate_node",
        "warning",
        ("Node twice", "重复节点"),
        ("A ring has a node within 1 mm of the one before.", "边界环上有节点与前一节点相距不足 1 毫米。"),
        (
            "Remove one of them, on both sides of the edge; a repair takes out equal ones.",
            "请在公共边两侧一并删除其一；修复方案可删除完全相同的节点。",
        ),
        forms.duplicate_node,
        remedy="repair",
    ),
    Check(
        "area_off_target",
        "warning",
        ("Area far from the target", "面积偏离目标"),
        (
            "A unit is more than five times larger or smaller than the 10,000 m² that the national standard aims at. "
            "A target, never a limit.",
            "网格面积大于国标目标（约 10,000 平方米）的五倍或不足五分之一。仅为目标，不是限制。",
        ),
        ("Consider a split or a merge.", "请考虑拆分或合并。"),
        forms.area_off_target,
    ),
    Check(
        "components_unbalanced",
        "note",
        ("Too many components", "部件数量不均衡"),
        (
            "A unit has more than five times as many components as is usual in its community, and at least 50 more.",
            "网格的部件数超过本社区网格中位数的五倍，且至少多 50 个。",
        ),
        ("Consider a split.", "可考虑拆分。"),
        belonging.components_unbalanced,
    ),
    Check(
        "area_without_department",
        "warning",
        ("Area without department", "片区无责任部门"),
        (
            "An area of responsibility names no department, or one that is not in force.",
            "责任片区未填部门，或部门已不在用。",
        ),
        ("Name a department that is in force.", "请填写在用部门。"),
        references.area_without_department,
    ),
    Check(
        "prefix_gone",
        "warning",
        ("Prefix gone", "范围已不存在"),
        (
            "A rule, a key or another row holds for a division or prefix with which no code begins any more.",
            "规则、密钥或其他数据所限的区划或前缀下已没有任何编码。",
        ),
        (
            "Change it to the codes that took its place; rows go with an edit of divisions by carry.",
            "请改为接替的编码；区划编辑可用 carry 让数据行一并变更。",
        ),
        references.prefix_gone,
    ),
    Check(
        "prefix_narrowed",
        "warning",
        ("Prefix made smaller", "范围缩小"),
        (
            "A rule, a key or an area holds for a division from which a draft takes ground, and not for that ground.",
            "规则、密钥或片区所限的区划将划出部分范围，划出部分不再适用。",
        ),
        (
            "Add one for the division that gets the ground, or edit the divisions with carry.",
            "请为接收区划另行增加，或在区划编辑中使用 carry。",
        ),
        references.prefix_narrowed,
    ),
)

CHECKS = {check.id: check for check in _ALL}
