"""The bodies that look after the city, with unified social credit codes (统一社会信用代码, after GB 32100)."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from examples.model_city.areas import Areas
from examples.model_city.divisions import CITY, Divisions
from examples.model_city.names import Names
from examples.model_city.streets import Ints

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
_WEIGHTS = tuple(pow(3, i, 31) for i in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

OFFICE, INSTITUTE, COMPANY = "11", "12", "91"
"""Who registers the body and what it is: an organ of state, a public institution, an enterprise."""

_CITY_BODIES = (
    ("city-admin", "市城市管理和综合执法局", OFFICE, "government"),
    ("water", "市水务局", OFFICE, "government"),
    ("transport", "市交通运输局", OFFICE, "government"),
    ("housing", "市住房和建设局", OFFICE, "government"),
    ("ecology", "市生态环境局", OFFICE, "government"),
    ("police", "市公安局", OFFICE, "government"),
    ("industry", "市工业和信息化局", OFFICE, "government"),
    ("traffic-police", "市公安局交通警察支队", OFFICE, "police"),
    ("parks", "市园林绿化中心", INSTITUTE, "city-admin"),
    ("lamps", "市路灯管理中心", INSTITUTE, "city-admin"),
    ("rescue", "市城市部件应急抢修中心", INSTITUTE, "city-admin"),
    ("market", "市中心商业街区管理办公室", INSTITUTE, "city-admin"),
    ("waterworks", "网格市自来水有限公司", COMPANY, ""),
    ("power", "网格市供电有限公司", COMPANY, ""),
    ("gas", "网格市燃气有限公司", COMPANY, ""),
    ("bus", "网格市公共交通有限公司", COMPANY, ""),
    ("bins", "网格市再生资源有限公司", COMPANY, ""),
)
_RIVALS = {"telecom": ("通达", "联讯", "宽信"), "charging": ("绿电", "快驰", "星能"), "drone": ("云翼", "捷飞")}
_RIVAL_NOUNS = {"telecom": "通信", "charging": "充电服务", "drone": "低空物流"}


def credit_code(kind: str, place: str, serial: int) -> str:
    """The 18 characters: kind 2, division 6, organisation code 9 (its last a check of its own), check character."""
    organisation = f"{serial * 48271 % 10**8:08d}"  # 48271 and 10^8 have no common factor: no number comes twice
    digits = map(int, organisation)
    spare = 11 - sum(digit * weight for digit, weight in zip(digits, _ORGANISATION_WEIGHTS, strict=True)) % 11
    body = kind + place + organisation + {10: "X", 11: "0"}.get(spare, str(spare))
    total = sum(_ALPHABET.index(character) * weight for character, weight in zip(body, _WEIGHTS, strict=True))
    return body + _ALPHABET[-total % 31]


class Roster:
    """The departments in the order of their founding. A key is the generator's own name for one; the rest is public."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.names: list[str] = []
        self.parents: list[str] = []
        self._index: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.codes)

    def found(self, key: str, name: str, kind: str, parent: str = "", place: str = f"{CITY}00") -> None:
        self._index[key] = len(self.codes)
        self.codes.append(credit_code(kind, place, len(self.codes) + 1))
        self.names.append(name)
        self.parents.append(self.codes[self._index[parent]] if parent else "")

    def index(self, key: str) -> int:
        return self._index[key]

    def indices(self, keys: Iterable[str]) -> Ints:
        return np.array([self._index[key] for key in keys], dtype=np.int64)

    def rivals(self, trade: str) -> Ints:
        """The companies of a trade that shares the city without dividing it by place."""
        return self.indices(f"{trade}:{i}" for i in range(len(_RIVALS[trade])))

    def code(self, key: str) -> str:
        return self.codes[self._index[key]]

    def rows(self) -> list[tuple[str, str, str, str]]:
        """code, name, parent, id in the hotline's system (its leading zeros matter)."""
        hotline = (f"{i + 1:06d}" for i in range(len(self)))
        return list(zip(self.codes, self.names, self.parents, hotline, strict=True))

    def texts(self, index: Ints, what: list[str]) -> NDArray[np.object_]:
        """(n,) of `what` (codes or names) by department; None where there is none (-1)."""
        return np.array([*what, None], dtype=object)[index]


def found_all(names: Names, divisions: Divisions, areas: dict[str, Areas]) -> Roster:
    """Every department of the city: governments and bureaus, street offices, squads, stations, companies."""
    roster = Roster()
    roster.found("government", "网格市人民政府", OFFICE)
    for key, name, kind, parent in _CITY_BODIES:
        roster.found(key, name, kind, parent)
    for trade, owners in _RIVALS.items():
        for i, owner in enumerate(owners):
            roster.found(f"{trade}:{i}", f"{owner}{_RIVAL_NOUNS[trade]}有限公司网格市分公司", COMPANY)
    for code, name in zip(divisions.counties.tolist(), divisions.county_names, strict=True):
        roster.found(f"county:{code}", f"{name}人民政府", OFFICE, "government", code)
        roster.found(f"county-admin:{code}", f"{name}城市管理和综合执法局", OFFICE, f"county:{code}", code)
        roster.found(f"lighting:{code}", f"{name}照明维护有限公司", COMPANY, place=code)
    county_names = [divisions.county_names[i] for i in divisions.county]
    for code, county, name in zip(divisions.streets.tolist(), county_names, divisions.street_names, strict=True):
        roster.found(f"street:{code}", f"{county}{name}办事处", OFFICE, f"county:{code[:6]}", code[:6])
    _found_by_field(roster, names, areas)
    return roster


def _found_by_field(roster: Roster, names: Names, areas: dict[str, Areas]) -> None:
    def bodies(layer: str) -> list[str]:
        return list(dict.fromkeys(areas[layer].department))

    for i, key in enumerate(bodies("enforcement")):
        roster.found(key, f"市城管综合执法支队第{i + 1}中队", OFFICE, "city-admin")
    for key in bodies("police"):
        roster.found(key, f"市公安局{names.take()}派出所", OFFICE, "police")
    for layer, trade in (("drainage", "排水"), ("sanitation", "环境服务"), ("greening", "园林绿化工程")):
        for key in bodies(layer):
            roster.found(key, f"{names.take()}{trade}有限公司", COMPANY)
