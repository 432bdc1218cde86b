"""Why a case goes where it goes: one sentence for each step, in English and Chinese, made only when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Word = str | tuple[str, ...]

SENTENCES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # where the point is
        "unit": ("The point lies in unit grid {unit}.", "该点位于单元网格{unit}。"),
        "unit_within": ("The point lies in unit grid {unit} ({divisions}).", "该点位于单元网格{unit}（{divisions}）。"),
        "named_gap": (
            "The point lies in the named gap {gap}, which belongs to no unit grid.",
            "该点位于命名空洞“{gap}”内，不属于任何单元网格。",
        ),
        "outside": ("The point lies outside every unit grid.", "该点不在任何单元网格内。"),
        # the component meant
        "component_named": (
            "The case names component {component}, {distance} m from the point.",
            "案件指明部件{component}，距该点{distance}米。",
        ),
        "component_nearest": (
            "Component {component} is the nearest of its class, {distance} m from the point.",
            "部件{component}是该类别中最近的一个，距该点{distance}米。",
        ),
        "component_next": (
            "The next component of the class is {distance} m from the point.",
            "该类别的下一个部件距该点{distance}米。",
        ),
        "component_unknown": (
            "The case names component {component}, which the inventory in force does not have.",
            "案件指明的部件{component}不在现行部件库中。",
        ),
        "component_retired": ("The code of component {component} is retired.", "部件{component}的编码已注销。"),
        "component_gone": ("Component {component} is recorded as {state}.", "部件{component}登记状态为“{state}”。"),
        "component_class": (
            "Component {component} is of class {found}, not {wanted}; its bodies are not asked.",
            "部件{component}的类别是{found}而非{wanted}，不采用其责任单位。",
        ),
        "component_far": (
            "Component {component} is farther from the point than the {reach} m within which it should lie.",
            "部件{component}距该点超出应有范围（{reach}米）。",
        ),
        # targets that led nowhere
        "area_missing": ("No area of layer {what} holds the point.", "图层{what}中没有片区包含该点。"),
        "area_without_department": ("Area {what} has no department.", "片区{what}没有登记责任部门。"),
        "division_missing": ("No division of level {what} holds the point.", "没有{what}级区划包含该点。"),
        "division_without_department": ("Division {what} has no department.", "区划{what}没有登记责任部门。"),
        "component_missing": (
            "A body of the component is wanted, but no component is known for the case.",
            "规则要求派往部件的责任单位，但未找到案件所指部件。",
        ),
        "component_without_owner": ("The component has no owner on record.", "该部件没有登记权属单位。"),
        "component_without_maintainer": ("The component has no maintainer on record.", "该部件没有登记养护单位。"),
        "component_without_supervisor": ("The component has no supervisor on record.", "该部件没有登记主管部门。"),
        "department_retired": ("Department {what} is not in force.", "部门{what}未在用。"),
        # the rule and its target
        "rule": ("Rule {rule} decides.", "适用规则{rule}。"),
        "rule_named": ("Rule {rule} ({name}) decides.", "适用规则{rule}（{name}）。"),
        "in_window": (
            "The rule holds at the time of the report ({window}).",
            "上报时间在该规则的适用时段内（{window}）。",
        ),
        "time_missing": (
            "Rules that hold at certain times were passed over: the case does not say when it was reported.",
            "案件未给出上报时间，分时段适用的规则未予采用。",
        ),
        "basis": ("Basis: {basis}.", "依据：{basis}。"),
        "by_department": ("The rule names {department} itself.", "规则直接指定{department}。"),
        "by_area": (
            "Area {area} of layer {layer} holds the point; its department is {department}.",
            "该点位于图层{layer}的片区{area}，责任部门为{department}。",
        ),
        "by_division": (
            "{division} holds the point; its department is {department}.",
            "该点位于{division}，责任部门为{department}。",
        ),
        "by_owner": ("The owner of the component is {department}.", "部件的权属单位为{department}。"),
        "by_maintainer": ("The maintainer of the component is {department}.", "部件的养护单位为{department}。"),
        "by_supervisor": ("The supervisor of the component is {department}.", "部件的主管部门为{department}。"),
        "supervised_by": ("{department} supervises the handling.", "由{department}监管处置。"),
        "fallback": (
            "The rule is a catch-all: settle on site who is responsible.",
            "该规则为属地兜底，请现场确权。",
        ),
        "no_rule": ("No rule applies to this class at this place.", "没有规则适用于该地点的此类案件。"),
        "no_department": (
            "Rules apply, but none of their targets leads to a department in force.",
            "有规则适用，但均未能确定在用的责任部门。",
        ),
        # doubts
        "near_boundary": (
            "The point is {distance} m from the boundary beyond which {department} is responsible.",
            "该点距责任边界{distance}米，边界另一侧由{department}负责。",
        ),
        "near_nobody": (
            "The point is {distance} m from the boundary beyond which no department is responsible.",
            "该点距责任边界{distance}米，边界另一侧没有责任部门。",
        ),
        "ambiguous_area": (
            "Area {thing} holds the point with equal priority; its department is {department}.",
            "片区{thing}以同等优先级包含该点，其责任部门为{department}。",
        ),
        "ambiguous_rule": (
            "Rule {thing} has equal rank and leads to {department}.",
            "规则{thing}与之同级，指向{department}。",
        ),
        "ambiguous_component": (
            "Component {thing} is also within reach, {distance} m from the point; it leads to {department}.",
            "部件{thing}也在范围内，距该点{distance}米，指向{department}。",
        ),
        # what came later
        "rerouted": (
            "The case was routed anew after revision {revision} was published; until then it was with {before}.",
            "数据版本{revision}发布后重新派遣；此前由{before}负责。",
        ),
        # what the report did not say
        "crs_assumed": (
            "The report does not state its coordinate system; that of its source is taken.",
            "案件未声明坐标系，按来源的坐标系处理。",
        ),
        "assumed_accuracy": (
            "The report does not state its accuracy; {accuracy} m is taken.",
            "案件未给出定位精度，按{accuracy}米处理。",
        ),
        "assumed_timezone": (
            "The report's time has no time zone; that of its source is taken.",
            "案件时间未带时区，按来源的时区处理。",
        ),
        "assumed_edition": (
            "The report does not state the edition of its class; {edition} is taken.",
            "案件未注明类别的标准版，按{edition}处理。",
        ),
        "unknown_class": (
            "The edition {edition} has no {kind} class {given}, as far as the catalogue goes: check edition and code.",
            "目录中标准版{edition}没有类别{given}（{kind}），请核对标准版和代码。",
        ),
        "unmapped_class": (
            "The class {given} is not in the class map of the source; it is taken as the class {given} of {edition}.",
            "来源的类别对照表中没有{given}；按标准版{edition}中同代码的类别处理。",
        ),
    }
)
"""Every reason's sentence by code. A word that is a tuple is joined with ", " in English and with "，" in Chinese."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the explanation. The sentences are made from `words` when asked for."""

    code: str
    words: tuple[tuple[str, Word], ...] = ()

    @property
    def en(self) -> str:
        """The sentence in English."""
        return SENTENCES[self.code][0].format_map(self._joined(", "))

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return SENTENCES[self.code][1].format_map(self._joined("，"))

    def _joined(self, comma: str) -> dict[str, str]:
        return {key: word if isinstance(word, str) else comma.join(word) for key, word in self.words}

    def as_dict(self) -> dict[str, str]:
        """The reason as JSON members code, en, zh."""
        return {"code": self.code, "en": self.en, "zh": self.zh}


def reason(code: str, **words: Word) -> Reason:
    """The reason with the words that its sentence needs."""
    return Reason(code, tuple(words.items()))
