"""Hand-offs (流转): what became of a case, step by step, as other systems tell it.

Refused is what cannot have been: a result that nobody knows, a department that never was, no time, times that run
backwards, anything after `void`. What is odd but happens (a return of what was never sent, a case closed that nobody
handled, the store's zone assumed) is told as a warning, for the list is a record and not a wish.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, Self

from cases.instants import FIRST_YEAR, LAST_YEAR, LIKE, in_zone, read_instant
from gis.errors import Fault, Refusal, refuse

RESULTS: Final = ("dispatched", "returned", "accepted", "handled", "closed", "void")
MEMBERS: Final = ("department", "at", "result", "reason", "by")
WITHOUT_DEPARTMENT: Final = ("closed", "void")
MOST: Final = 500
"""Hand-offs of one case."""
LONGEST: Final = 2000
"""Characters of a text."""
AHEAD: Final = timedelta(days=1)
"""So far a sender's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class HandOff:
    """One step: the department concerned (None when a case is closed or void without one), when, and what it came to.

    `reason` and `by` (who recorded it) are texts, which an erasure takes away.
    """

    department: str | None
    at: datetime
    result: str
    reason: str | None = None
    by: str | None = None

    @classmethod
    def read(cls, members: Mapping[str, Any]) -> Self:
        """The hand-off that `as_dict` wrote."""
        at = datetime.fromisoformat(members["at"])
        return cls(members.get("department"), at, members["result"], members.get("reason"), members.get("by"))

    def as_dict(self) -> dict[str, Any]:
        """JSON members, without those that say nothing; the time in UTC."""
        at = self.at.astimezone(UTC).isoformat()
        members = {name: getattr(self, name) for name in MEMBERS} | {"at": at}
        return {name: value for name, value in members.items() if value is not None}


def digest_of(hand_offs: Sequence[Mapping[str, Any]]) -> str:
    """The same for two lists that say the same."""
    return hashlib.sha256(json.dumps(list(hand_offs), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def read_hand_offs(
    values: Any,
    zone: tzinfo | None,
    departments: Collection[str],
    now: datetime,
    rows: Sequence[int] | None = None,
) -> tuple[list[HandOff], list[Fault]]:
    """The hand-offs of one case in JSON values, in their order, with warnings.

    `departments` are all codes that ever were in force; times without an offset are read in `zone`. `rows` are the
    file's row numbers. Errors: Refusal of every fault that makes it wrong.
    """
    if not isinstance(values, Sequence) or isinstance(values, str | bytes):
        raise refuse(
            "hand_offs_wrong",
            'hand_offs is a list like [{"department": "…", "at": "2026-05-01T08:30:00+08:00", "result": "handled"}].',
            "hand_offs 应为列表，每项含 department（部门）、at（时间）、result（结果）。",
        )
    if len(values) > MOST:
        raise refuse(
            "hand_offs_many",
            f"A case has at most {MOST} hand-offs, not {len(values)}.",
            f"一个案件最多 {MOST} 次流转，现为 {len(values)} 次。",
            row=None if rows is None else rows[0],
        )
    found: list[HandOff] = []
    faults: list[Fault] = []
    for index, value in enumerate(values):
        reader = _Reader(index + 1, None if rows is None else rows[index], faults)
        made = reader.read(value, zone, departments, now)
        if made is not None:
            reader.fits(found, made)
            found.append(made)
    if any(fault.severity == "error" for fault in faults):
        raise Refusal([fault for fault in faults if fault.severity == "error"])
    return found, faults


@dataclass(slots=True)
class _Reader:
    """Reads hand-off number `number` of a list; gathers faults."""

    number: int
    row: int | None
    faults: list[Fault]

    def fault(self, code: str, en: str, zh: str) -> None:
        self.faults.append(Fault(code, f"Hand-off {self.number}: {en}", f"第 {self.number} 次流转：{zh}", row=self.row))

    def warn(self, fault: Fault) -> None:
        """`fault` tells the code and the sentence."""
        en, zh = f"Hand-off {self.number}: {fault.en}", f"第 {self.number} 次流转：{fault.zh}"
        self.faults.append(Fault(fault.code, en, zh, "warning", row=self.row))

    def read(self, value: Any, zone: tzinfo | None, departments: Collection[str], now: datetime) -> HandOff | None:
        if not isinstance(value, Mapping):
            self.fault("hand_offs_wrong", "it must be an object.", "必须是对象。")
            return None
        before = len(self.faults)
        unknown = ", ".join(sorted(str(name)[:40] for name in value if name not in MEMBERS))
        if unknown:
            names = ", ".join(MEMBERS)
            self.fault("unknown_field", f"there is no member {unknown}; known are {names}.", f"没有字段 {unknown}。")
        department, result, reason, by = (self._text(value, name) for name in ("department", "result", "reason", "by"))
        if result not in RESULTS:
            shown, names = (result or "missing")[:60], ", ".join(RESULTS)
            self.fault(
                "result_unknown", f"result is {shown}; it must be one of {names}.", f"result 须为 {names} 之一。"
            )
        if department is None and result not in WITHOUT_DEPARTMENT:
            self.fault("department_missing", "it must name the department by its code.", "须填写部门编码。")
        if department is not None and department not in departments:
            self.fault(
                "department_unknown",
                f"no department {department[:60]} is or was in the store; import departments first.",
                f"库中从未有部门 {department[:60]}，请先导入部门。",
            )
        at = self._time(value.get("at"), zone, now)
        wrong = any(fault.severity == "error" for fault in self.faults[before:])
        return None if wrong or at is None or result is None else HandOff(department, at, result, reason, by)

    def fits(self, before: Sequence[HandOff], made: HandOff) -> None:
        """Whether this may come after those before."""
        if before and made.at < before[-1].at:
            earlier, later = made.at.isoformat(), before[-1].at.isoformat()
            self.fault(
                "hand_offs_backwards",
                f"it was at {earlier}, before the one that it follows ({later}); send them in the order of time.",
                f"时间 {earlier} 早于上一次流转（{later}）；请按时间先后排列。",
            )
        if before and before[-1].result == "void":
            self.fault("hand_off_after_void", "the case is void, so nothing follows.", "案件已作废，其后不应再有流转。")
        if made.result == "returned" and not any(
            each.department == made.department and each.result in ("dispatched", "accepted") for each in before
        ):
            self.warn(
                Fault(
                    "return_undispatched",
                    f"{made.department} returns what it was not sent; is a hand-off missing?",
                    f"{made.department} 退回了未派给它的案件；是否缺少流转记录？",
                )
            )
        if made.result == "closed" and not any(each.result in ("handled", "accepted") for each in before):
            self.warn(
                Fault(
                    "closed_unhandled",
                    "the case is closed though nobody accepted or handled it.",
                    "案件无人受理或处置即结案。",
                )
            )

    def _text(self, value: Mapping[str, Any], name: str) -> str | None:
        said = value.get(name)
        if said is None or isinstance(said, str):
            text = (said or "").strip() or None
            if text is not None and len(text) > LONGEST:
                self.fault(
                    "text_too_long", f"{name} has more than {LONGEST} characters.", f"{name} 超过 {LONGEST} 字。"
                )
            if text is not None and "\0" in text:
                self.fault("text_wrong", f"{name} holds a NUL, which no store keeps.", f"{name} 中含有空字符（NUL）。")
            return text
        self.fault("wrong_type", f"{name} must be text.", f"{name} 必须是文本。")
        return None

    def _time(self, said: Any, zone: tzinfo | None, now: datetime) -> datetime | None:
        written = read_instant(said)
        if written is None:
            shown = "missing" if said is None else str(said)[:60]
            self.fault(
                "time_invalid",
                f"at must be a time like {LIKE}, from {FIRST_YEAR} to {LAST_YEAR}, but is {shown}.",
                f"at 须为 {LIKE} 这样的时间（{FIRST_YEAR} 至 {LAST_YEAR} 年），现为 {shown}。",
            )
            return None
        moment = in_zone(written, zone)
        if moment is None:
            self.fault("time_without_zone", f"{said} has no time zone; add one, like +08:00.", f"{said} 没有时区。")
            return None
        if written.utcoffset() is None:
            self.warn(
                Fault("zone_assumed", f"{said} has no time zone; it was read in {zone}.", f"{said} 按 {zone} 解读。")
            )
        moment = moment.astimezone(UTC)
        if moment > now + AHEAD:
            self.fault("time_future", f"it lies in the future ({said}).", f"时间在未来（{said}）。")
            return None
        return moment
