"""Which of the obfuscated systems positions are really in, told by what is known of the same places: evidence in, a
verdict with its figures out.

GCJ-02 and BD-09 move a place by 265 to 607 m and more, each in a direction of its own that changes from place to
place. A witness is a delivered position beside the place that its record has: the same code, else the nearest record
of its class. It votes for the system that takes it to less than half as far from there as any other does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis import crs as reference
from gis.errors import Fault
from gis.metres import Floats

SHIFTED = ("GCJ-02", "BD-09")
SAID = "as said"
HYPOTHESES = (SAID, *SHIFTED)

LEAST_VOTES: Mapping[str, int] = {"code": 5, "class": 20}
"""Fewer votes than this decide nothing: a record of the same code is a better witness than the nearest of a class."""
AGREEMENT = 0.8
"""The share of the votes that the verdict needs."""
NEAR_M = 5.0
"""So near, in the median, must the nearest of a class be to tell: among street trees a shift finds others at a dozen
metres by chance.
"""
CLEAR = 0.5
HINTED, GAINED, LEAST_POINTS = 0.99, 0.02, 50
"""The boundary alone gives a hint when so much lies inside under another system, and so much more than as said."""
LOST = 0.02
"""So much less inside the boundary contradicts the records."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the witnesses say. `system` is GCJ-02, BD-09 or None; `is_sure` that the records say it and the boundary
    does not contradict.

    `votes` for each hypothesis of so many `witnesses` of a `kind` ("code", "class", "" for none); `metres` the median
    distance from the records under each; `inside` the share within the boundary under each, empty without one.
    """

    system: str | None
    is_sure: bool
    kind: str
    witnesses: int
    votes: Mapping[str, int]
    metres: Mapping[str, float]
    inside: Mapping[str, float]


def hypotheses(lonlat: Floats) -> dict[str, Floats]:
    """Where positions (n, 2), read as lon, lat of the store, would lie under each hypothesis."""
    found = {name: reference.to_store(lonlat, reference.parse(name)) for name in SHIFTED}
    return {SAID: lonlat, **found}


def distances(places: Mapping[str, Floats], recorded: Floats) -> dict[str, Floats]:
    """Metres (n,) from the place of each record (n, 2) under each hypothesis; to a thousandth below a kilometre."""
    return {name: _metres(lonlat, recorded) for name, lonlat in places.items()}


def shares_inside(places: Mapping[str, Floats], boundary: Sequence[Any] | NDArray[Any]) -> dict[str, float]:
    """The share of positions within the polygons of the boundary under each hypothesis."""
    if not len(boundary):
        return {}
    area = shapely.union_all(np.asarray(boundary, dtype=object))
    shapely.prepare(area)
    return {name: float(np.mean(shapely.contains_xy(area, *lonlat.T))) for name, lonlat in places.items()}


def judge(metres: Mapping[str, Floats], kind: str, inside: Mapping[str, float], points: int = 0) -> Verdict:
    """The verdict on distances (n,) from matching records, and on shares of `points` positions within the boundary."""
    table = np.column_stack([metres[name] for name in HYPOTHESES]) if metres else np.empty((0, len(HYPOTHESES)))
    ordered = np.sort(table, axis=1)
    clear = (
        np.isfinite(ordered[:, 0]) & (ordered[:, 0] < CLEAR * ordered[:, 1]) if len(table) else np.zeros(0, dtype=bool)
    )
    best = np.argmin(table, axis=1)[clear] if len(table) else np.zeros(0, dtype=np.int64)
    votes = {name: int((best == at).sum()) for at, name in enumerate(HYPOTHESES)}
    medians = {name: float(np.median(table[:, at])) for at, name in enumerate(HYPOTHESES)} if len(table) else {}
    first = max(HYPOTHESES, key=lambda name: votes[name])
    decided = sum(votes.values()) >= LEAST_VOTES.get(kind, 1) and votes[first] >= AGREEMENT * sum(votes.values())
    decided = decided and 2 * sum(votes.values()) >= len(table)
    decided = decided and (kind != "class" or medians[first] <= NEAR_M)
    told = (kind if len(table) else "", len(table), votes, medians, inside)
    if decided and first == SAID:
        return Verdict(None, True, *told)
    if decided:
        contradicted = bool(inside) and inside[first] < inside[SAID] - LOST
        return Verdict(first, not contradicted, *told)
    return Verdict(_hinted(inside, points), False, *told)


def fault_of(verdict: Verdict, declared: str) -> Fault | None:
    """What to tell a person: an error where it is sure, a warning where it is a hint, nothing where all is well."""
    system = verdict.system
    if system is None:
        return None
    where = where_zh = ""
    if verdict.inside:
        as_said, then = (f"{100 * verdict.inside[name]:.1f} %" for name in (SAID, system))
        where = f" Of the positions {as_said} lie within the boundary as they are, {then} as {system}."
        where_zh = f"按现有坐标有 {as_said} 位于边界内，按 {system} 则为 {then}。"
    if verdict.votes[system]:
        agree, of = verdict.votes[system], verdict.witnesses
        whose, whose_zh = _RECORDS[verdict.kind]
        (off, off_zh), (left, left_zh) = (_away(verdict.metres[name]) for name in (SAID, system))
        because = f"{agree} of {of} {whose} agree; they lie {off} away (median), and {left} if read as {system}."
        because_zh = f"{of} 条{whose_zh}中有 {agree} 条一致：中位偏差 {off_zh}，按 {system} 读取则为 {left_zh}。"
    else:
        because, because_zh = "No record tells, but the boundary does.", "没有可比对的记录，但边界提示如此。"
    code = "crs_shifted" if verdict.is_sure else "crs_doubtful"
    return Fault(
        code,
        f"The coordinates are said to be {declared}, but look like {system}: {because}{where} Say --crs {system} to "
        "have them converted, or --trust-crs when they are right; nothing is converted unasked.",
        f"坐标声明为 {declared}，但疑似 {system}：{because_zh}{where_zh}"
        f"请用 --crs {system} 指定后转换；确认无误时用 --trust-crs。系统不会自行转换。",
        severity="error" if verdict.is_sure else "warning",
        members={"likely": system},
    )


_RECORDS: Mapping[str, tuple[str, str]] = {
    "code": ("records of the same code", "同编码记录"),
    "class": ("nearest records of the class", "同类最近记录"),
}


def _away(metres: float) -> tuple[str, str]:
    return (f"{metres:.0f} m", f"{metres:.0f} 米") if np.isfinite(metres) else ("too far", "超出查找范围")


def _hinted(inside: Mapping[str, float], points: int) -> str | None:
    if not inside or points < LEAST_POINTS:
        return None
    best = max(SHIFTED, key=lambda name: inside[name])
    return best if inside[best] >= HINTED and inside[best] - inside[SAID] >= GAINED else None


def _metres(one: Floats, other: Floats) -> Floats:
    degree = 111_194.9
    dx = (one[:, 0] - other[:, 0]) * np.cos(np.radians(other[:, 1]))
    found: Floats = degree * np.hypot(dx, one[:, 1] - other[:, 1])
    return found
