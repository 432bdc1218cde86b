"""Points as callers send them, alone or many, into places of the store."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit

from api.systems import LiveSystems
from cases.positions import Position, suspect, to_places
from cases.reports import WORST_ACCURACY_M
from gis import crs as gis_crs
from gis.crs import CrsLike
from gis.errors import Fault, Refusal, refuse
from gis.metres import Floats

MEMBERS = ("points", "crs", "accuracy_m", "as_of")
POINT_MEMBERS = ("lon", "lat", "accuracy_m")
PER_DEGREE = 10.0**gis_crs.DECIMALS
PUBLIC = LiveSystems(None)
FARTHEST = 1e9
"""No coordinate of any CRS is larger, in degrees or metres."""


@dataclass(frozen=True, slots=True)
class Points:
    """n points: lon, lat (n, 2), NaN where `faults` has the index, and the error of each, None or NaN where unknown."""

    lonlat: Floats
    accuracy_m: Sequence[float | None] | Floats
    faults: Mapping[int, Fault]


def read_crs(text: object, systems: LiveSystems) -> CrsLike:
    """The CRS that a caller names, known to be one. Errors: Refusal crs_missing, crs_unknown, crs_wrong."""
    if text is None or text == "":
        raise refuse(
            "crs_missing",
            "Say in which coordinate system the position is (crs=CRS84, GCJ-02, BD-09, EPSG:4547 …): "
            "GCJ-02 and WGS 84 differ by hundreds of metres, so it is not guessed.",
            "请注明坐标系（crs=CRS84、GCJ-02、BD-09、EPSG:4547 等）：GCJ-02 与 WGS 84 相差数百米，系统不予猜测。",
        )
    if not isinstance(text, str):
        raise refuse("crs_wrong", "crs must be text, like 'EPSG:4547'.", "crs 必须是文本，例如“EPSG:4547”。")
    found = systems.find(text) or text
    gis_crs.parse(found)
    return found


def read_point(lon: float, lat: float, crs: str | None, systems: LiveSystems = PUBLIC) -> Floats:
    """One point as (1, 2). Errors: those of `read_crs`; Refusal swapped_axes, out_of_range."""
    points = _place([(lon, lat, read_crs(crs, systems))], [None], {})
    if points.faults:
        raise Refusal(points.faults[0])
    return points.lonlat


def read_points(question: Any, most: int, systems: LiveSystems = PUBLIC) -> Points:
    """The points of a question as `POST /v1/locate` takes it.

    What is wrong with the question as a whole is refused (question_wrong, unknown_field, crs_missing, too_many …), what
    is wrong with a point is its fault; when that is every one of them, they are refused together.
    """
    if not isinstance(question, dict) or not isinstance(question.get("points"), list):
        raise refuse(
            "question_wrong",
            'Send an object like {"points": [[114.05, 22.54]], "crs": "CRS84"}.',
            '请发送形如 {"points": [[114.05, 22.54]], "crs": "CRS84"} 的对象。',
        )
    refuse_unknown(question, MEMBERS)
    sent: list[Any] = question["points"]
    check_count(len(sent), most)
    crs = read_crs(question.get("crs"), systems)
    usual = read_accuracy(question.get("accuracy_m"))
    points = place_points(sent, crs, usual)
    if points.faults and len(points.faults) == len(sent):
        raise Refusal([replace(points.faults[index], row=index + 1) for index in sorted(points.faults)])
    return points


def read_accuracy(usual: Any) -> float | None:
    """The position error of points that state none, None where none is given. Errors: Refusal accuracy_invalid."""
    if usual is not None and not _is_accuracy(usual):
        raise Refusal(_accuracy(usual, None))
    found: float | None = usual
    return found


def place_points(sent: Sequence[Any], crs: CrsLike, usual: float | None, first: int = 0) -> Points:
    """Points as JSON has them, [x, y] or objects, of one known CRS; `first` is the number of the first of them.

    A Fault among them stays that point's fault.
    """
    positions: list[Position | None] = []
    accuracy: list[float | None] = []
    faults: dict[int, Fault] = {}
    for index, point in enumerate(sent):
        found = point if isinstance(point, Fault) else _read(point, first + index)
        if isinstance(found, Fault):
            faults[index] = found
            positions.append(None)
            accuracy.append(None)
        else:
            positions.append((found[0], found[1], crs))
            accuracy.append(usual if found[2] is None else found[2])
    return _place(positions, accuracy, faults)


def place_columns(xy: Floats, accuracy_m: Floats, crs: CrsLike, first: int = 0) -> Points:
    """Points in columns (n, 2), of one known CRS, with the error of each (n,), NaN for none.

    What looks plain is converted at once; the rest point by point, as `place_points` does it.
    """
    system = gis_crs.parse(crs)
    lonlat = np.empty(xy.shape)
    if system.is_store and _place_in_store(xy, accuracy_m, lonlat):
        return Points(lonlat, accuracy_m, {})
    x, y = xy[:, 0], xy[:, 1]
    with np.errstate(invalid="ignore"):
        plain = (np.abs(x) <= FARTHEST) & (np.abs(y) <= FARTHEST) & (np.isnan(accuracy_m) | _are_accuracies(accuracy_m))
    some = slice(None) if plain.all() else plain
    lonlat = np.full(xy.shape, np.nan)
    lonlat[some] = gis_crs.to_store(xy[some], system)
    plain[some] &= np.isfinite(lonlat[some, 0]) & np.isfinite(lonlat[some, 1])
    some = slice(None) if plain.all() else plain
    plain[some] = ~suspect(xy[some], lonlat[some], system)
    lonlat = np.round(lonlat, gis_crs.DECIMALS)
    odd = np.flatnonzero(~plain)
    asked = [
        {"lon": x, "lat": y, "accuracy_m": None if math.isnan(metres) else metres}
        for (x, y), metres in zip(xy[odd].tolist(), accuracy_m[odd].tolist(), strict=True)
    ]
    faults: dict[int, Fault] = {}
    for at, each in zip(odd.tolist(), asked, strict=True):
        one = place_points([each], crs, None, first + at)
        lonlat[at] = one.lonlat[0]
        if 0 in one.faults:
            faults[at] = one.faults[0]
    return Points(lonlat, accuracy_m, faults)


@njit(cache=True, nogil=True)
def _place_in_store(xy: Any, accuracy_m: Any, lonlat: Any) -> bool:
    """Write points (n, 2) of the store as it keeps them to `lonlat`; False when one of them deserves a closer look.

    Beyond these bounds the coordinates may be swapped or impossible. Rounding is that of numpy.
    """
    for k in range(len(xy)):
        x, y, metres = xy[k, 0], xy[k, 1], accuracy_m[k]
        known = np.isnan(metres) or 0.0 < metres <= WORST_ACCURACY_M
        if not (-180.0 <= x <= 180.0 and -90.0 <= y < 73.0 and known):
            return False
        lonlat[k, 0], lonlat[k, 1] = np.rint(x * PER_DEGREE) / PER_DEGREE, np.rint(y * PER_DEGREE) / PER_DEGREE
    return True


def _are_accuracies(metres: Floats) -> Any:
    return (metres > 0) & (metres <= WORST_ACCURACY_M)


def check_count(count: int, most: int) -> None:
    """Errors: Refusal too_many."""
    if count > most:
        raise refuse(
            "too_many",
            f"{count} are too many for one request: send at most {most}, or use the command line for whole files.",
            f"一次请求最多 {most} 个，现有 {count} 个：请分批发送，整个文件请用命令行处理。",
        )


def refuse_unknown(members: Mapping[str, Any], known: Sequence[str]) -> None:
    """Errors: Refusal unknown_field when there are members besides those known."""
    unknown = sorted(str(name)[:60] for name in members if name not in known)[:20]
    if unknown:
        raise refuse(
            "unknown_field",
            f"There is no member {', '.join(unknown)}; known are {', '.join(known)}.",
            f"没有字段 {'、'.join(unknown)}；可用字段：{'、'.join(known)}。",
        )


def _read(point: Any, index: int) -> tuple[float, float, float | None] | Fault:
    accuracy = None
    if isinstance(point, dict):
        if not point.keys() <= set(POINT_MEMBERS):
            return _malformed(index)
        accuracy, point = point.get("accuracy_m"), [point.get("lon"), point.get("lat")]
        if accuracy is not None and not _is_accuracy(accuracy):
            return _accuracy(accuracy, index)
    if not isinstance(point, list) or len(point) != 2 or not all(_is_number(each) for each in point):
        return _malformed(index)
    return float(point[0]), float(point[1]), accuracy


def _place(positions: Sequence[Position | None], accuracy: Sequence[float | None], faults: dict[int, Fault]) -> Points:
    near: list[Position | None] = []
    for index, position in enumerate(positions):
        far = position is not None and max(abs(position[0]), abs(position[1])) > FARTHEST
        near.append(None if far else position)
        if far:
            faults[index] = Fault(
                "coordinates_out_of_range", "There is no place so far away.", "坐标值过大，不存在该位置。"
            )
    lonlat, found = to_places(near)
    faults.update(found)
    lost = np.flatnonzero(~np.isfinite(lonlat).all(axis=1))
    for index in lost.tolist():
        faults.setdefault(
            index,
            Fault(
                "coordinates_out_of_range",
                "The coordinate system does not reach there.",
                "该位置超出坐标系的适用范围。",
            ),
        )
    return Points(lonlat, accuracy, faults)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_accuracy(value: Any) -> bool:
    return _is_number(value) and 0 < value <= WORST_ACCURACY_M


def _accuracy(value: Any, index: int | None) -> Fault:
    return Fault(
        "accuracy_invalid",
        f"accuracy_m must be more than 0 and at most {WORST_ACCURACY_M:g} metres, not {str(value)[:40]}.",
        f"accuracy_m 必须大于 0 且不超过 {WORST_ACCURACY_M:g} 米，现为 {str(value)[:40]}。",
        row=None if index is None else index + 1,
    )


def _malformed(index: int) -> Fault:
    return Fault(
        "point_wrong",
        f"Point {index} is neither [x, y] nor an object of lon, lat and perhaps accuracy_m, all of them numbers.",
        f"第 {index} 个点既不是 [x, y]，也不是由 lon、lat（及可选的 accuracy_m）组成的对象，或其值不是数字。",
        row=index + 1,
    )
