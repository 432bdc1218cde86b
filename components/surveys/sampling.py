"""The field sample: drawn by class and seed, and what inspectors found of it.

Which components are drawn follows from the seed, the class and the code alone: not from the order of rows or files.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.surveys.register import Entries, repeated_codes
from components.surveys.rules import Limits, read_share
from gis.errors import Fault, Refusal, refuse
from gis.intake import map_fields
from gis.layer import Field
from gis.metres import Indices
from gis.tables import Table

YES = frozenset({"是", "y", "yes", "1", "true", "√", "✓", "对", "正确", "找到", "1.0"})
NO = frozenset({"否", "n", "no", "0", "false", "×", "x", "错", "错误", "未找到", "0.0"})

AT_ONCE = 50_000

COLUMNS: tuple[Field, ...] = (
    Field("number", "integer", "number", "序号", aliases=("序号",)),
    Field("file", "text", "file", "文件", aliases=("文件",)),
    Field("row", "integer", "row", "行号", aliases=("行号",)),
    Field("code", "code", "code", "标识码", required=True, aliases=("标识码",)),
    Field("edition", "text", "edition", "标准版", aliases=("标准版",)),
    Field("class_code", "code", "class", "类别代码", aliases=("类别代码",)),
    Field("class_name", "text", "name of the class", "类别名称", aliases=("类别名称",)),
    Field("x_file", "number", "x in the file's system", "X 坐标", aliases=("X 坐标",)),
    Field("y_file", "number", "y in the file's system", "Y 坐标", aliases=("Y 坐标",)),
    Field("crs_file", "text", "coordinate system of the file", "文件坐标系", aliases=("文件坐标系",)),
    Field("found", "text", "found (yes/no)", "是否找到", aliases=("是否找到",)),
    Field("position_error_m", "number", "position error in metres", "位置误差（米）", aliases=("位置误差（米）",)),
    Field("attributes_right", "text", "attributes right (yes/no)", "属性正确", aliases=("属性正确",)),
    Field("note", "text", "note", "备注", aliases=("备注",)),
    Field("sample", "text", "sample", "抽样标识", required=True, aliases=("抽样标识",)),
)
"""The columns of a sample; those from `found` to `note` are for the inspector."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How a sample is drawn: the share of each class, and the seed."""

    share: float
    seed: int

    def mark(self, digest: str) -> str:
        """What every row of the sample of a delivery carries, so that its result is known again."""
        return f"{digest}/{self.share!r}/{self.seed}"

    @classmethod
    def read(cls, mark: str) -> tuple[str, "Draw"]:
        """The digest and the draw of a mark. Errors: ValueError."""
        digest, share, seed = mark.strip().split("/")
        return digest, cls(read_share(share), int(seed))


def draw(entries: Entries, how: Draw) -> Indices:
    """The entries drawn (k,), by class and code: of each class the share, rounded up. Of repeated codes the first."""
    first = np.ones(len(entries), dtype=bool)
    first[[pair.later for pair in repeated_codes(entries)]] = False
    names, numbers = entries.class_names(), entries.class_numbers()
    drawn: list[tuple[str, str, int]] = []
    for number in range(len(names)):
        members = np.flatnonzero((numbers == number) & first)
        name = str(names[number])
        ranks = _ranks(how.seed, name, entries, members)
        count = math.ceil(how.share * len(members) - 1e-9)
        chosen = members[np.argsort(ranks, kind="stable")[:count]]
        drawn += [(name, str(entries.codes[at].as_py()), at) for at in chosen.tolist()]
    return np.array([at for _, _, at in sorted(drawn)], dtype=np.int64)


def _ranks(seed: int, name: str, entries: Entries, members: Indices) -> NDArray[np.uint64]:
    """A number for each member that follows from seed, class and code."""

    def each() -> Iterator[int]:
        for start in range(0, len(members), AT_ONCE):
            for code in entries.codes.take(members[start : start + AT_ONCE]).to_pylist():
                digest = hashlib.blake2b(f"{seed}\0{name}\0{code}".encode(), digest_size=8).digest()
                yield int.from_bytes(digest, "big")

    return np.fromiter(each(), dtype=np.uint64, count=len(members))


@dataclass(frozen=True, slots=True)
class Inspected:
    """What an inspector found of a component; None where nothing is said."""

    found: bool | None
    position_error_m: float | None
    attributes_right: bool | None


def read_result(table: Table) -> tuple[str, dict[str, Inspected]]:
    """The mark of a sample that came back, and what was found of each code.

    Errors: Refusal sample_foreign where it has no mark or several, sample_wrong, column_missing, value_wrong ….
    """
    mapped = map_fields(table, COLUMNS, {})
    faults = [fault for fault in (*table.faults, *mapped.faults) if fault.severity == "error"]
    values = mapped.values
    results: dict[str, Inspected] = {}
    answers = {name: _answers(values[name], table.rows, name, faults) for name in ("found", "attributes_right")}
    for index, code in enumerate(values["code"].tolist()):
        if code is None:
            continue
        error = values["position_error_m"][index]
        if error is not None and error < 0:
            faults.append(_wrong(int(table.rows[index]), "position_error_m", str(error)))
        results[code] = Inspected(answers["found"][index], error, answers["attributes_right"][index])
    if faults:
        raise Refusal(faults)
    marks = {str(mark) for mark in values["sample"].tolist() if mark is not None}
    if len(marks) != 1:
        raise foreign("it carries no mark of a sample, or several", "没有抽样标识，或标识不止一个")
    return marks.pop(), results


def _answers(values: Any, rows: Indices, name: str, faults: list[Fault]) -> list[bool | None]:
    found: list[bool | None] = []
    for value, row in zip(values.tolist(), rows.tolist(), strict=True):
        text = None if value is None else str(value).strip().lower()
        found.append(None if not text else text in YES)
        if text and text not in YES | NO:
            faults.append(_wrong(row, name, str(value)))
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A class of the sample, or the whole (`name` empty): counts, position errors in metres, and whether it passes.

    `right` were found, with the right attributes, where they should be (within `limit_m`); `needed` is the share that
    must be. `rms_m` is the root mean square of the errors (中误差).
    """

    name: str
    drawn: int
    inspected: int
    found: int
    attributes_right: int
    right: int
    needed: float
    measured: int
    mean_m: float | None
    rms_m: float | None
    worst_m: float | None
    limit_m: float | None

    @property
    def share(self) -> float:
        """Right among inspected."""
        return self.right / self.inspected if self.inspected else 0.0

    @property
    def is_complete(self) -> bool:
        return self.inspected == self.drawn

    @property
    def passed(self) -> bool:
        precise = self.rms_m is None or self.limit_m is None or self.rms_m <= self.limit_m + 1e-9
        return self.is_complete and self.share >= self.needed - 1e-9 and precise


def judge(
    drawn: Sequence[tuple[str, str]],
    results: Mapping[str, Inspected],
    limits: Limits,
    accuracy_of: Mapping[str, float | None],
) -> list[Judged]:
    """The classes of a sample, then the whole; `drawn` are (class, code), `accuracy_of` a class its metres.

    Errors: Refusal sample_foreign for codes that were not drawn.
    """
    strange = sorted(results.keys() - {code for _, code in drawn})
    if strange:
        raise foreign(
            f"{strange[0]} and {len(strange) - 1} others were not drawn"
            if strange[1:]
            else f"{strange[0]} was not drawn",
            f"{strange[0]} 等 {len(strange)} 个部件不在抽样之列",
        )
    nothing = Inspected(None, None, None)
    by_class: dict[str, list[tuple[Inspected, float]]] = {}
    for name, code in drawn:
        metres = accuracy_of.get(name) or limits.position_m
        by_class.setdefault(name, []).append((results.get(code, nothing), metres))
    found = [_judged(name, each, limits.right_of_class, each[0][1]) for name, each in sorted(by_class.items())]
    every = [each for members in by_class.values() for each in members]
    return [*found, _judged("", every, limits.right, None)]


def _judged(name: str, members: Sequence[tuple[Inspected, float]], needed: float, limit: float | None) -> Judged:
    said = [(each, metres) for each, metres in members if each.found is not None]
    errors = np.array(
        [each.position_error_m for each, _ in said if each.position_error_m is not None], dtype=np.float64
    )
    right = [each.found and each.attributes_right and (each.position_error_m or 0.0) <= metres for each, metres in said]
    return Judged(
        name,
        len(members),
        sum(each.found is False or each.attributes_right is not None for each, _ in said),
        sum(bool(each.found) for each, _ in said),
        sum(bool(each.found and each.attributes_right) for each, _ in said),
        sum(map(bool, right)),
        needed,
        len(errors),
        float(errors.mean()) if len(errors) else None,
        float(np.sqrt((errors**2).mean())) if len(errors) else None,
        float(errors.max()) if len(errors) else None,
        limit,
    )


def foreign(en: str, zh: str) -> Refusal:
    """The refusal of a sample that is not of this delivery."""
    return refuse(
        "sample_foreign",
        f"This sample does not belong to this delivery: {en}.",
        f"该抽样结果不属于本次交付：{zh}。",
        kind="conflict",
    )


def _wrong(row: int, name: str, value: str) -> Fault:
    field = next(each for each in COLUMNS if each.name == name)
    wanted, wanted_zh = ("a length in metres", "米数") if field.type == "number" else ("yes or no", "“是”或“否”")
    return Fault(
        "sample_wrong",
        f"Row {row}: {field.en} is {wanted}, not '{value[:60]}'.",
        f"第 {row} 行：{field.zh}应填{wanted_zh}，现为“{value[:60]}”。",
        row=row,
    )
