"""Code profiles: the levels of a code and their lengths. The code is the tree; one store has one profile."""

from dataclasses import dataclass

from gis.errors import Refusal, refuse


@dataclass(frozen=True, slots=True)
class Level:
    """A level of divisions: a division of it has a code of `length` characters that begins with its parent's."""

    id: str
    length: int
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class CodeProfile:
    """`levels` from the widest down; a unit's code has `unit_length` characters, or any length when that is None."""

    name: str
    levels: tuple[Level, ...]
    unit_length: int | None

    def level_of(self, code: str) -> Level | None:
        """The level of a division's code, by its length."""
        return next((level for level in self.levels if level.length == len(code)), None)

    def ancestors(self, code: str) -> tuple[tuple[Level, str], ...]:
        """The division codes that hold `code`, widest first, without levels that are filled by a placeholder.

        A level is filled by a placeholder when its own digits are all 0: 东莞 and 中山 have streets but no counties,
        so that 441900 in 441900003 is no division.
        """
        found, before = [], 0
        for level in self.levels:
            if level.length >= len(code):
                break
            if code[before : level.length].strip("0"):
                found.append((level, code[: level.length]))
            before = level.length
        return tuple(found)

    def is_unit_code(self, code: str) -> bool:
        """Whether `code` has the form of a unit's code."""
        if self.unit_length is None:
            return bool(code)
        return len(code) == self.unit_length and code.isascii() and code.isdigit()

    def is_division_code(self, code: str) -> bool:
        """Whether `code` has the form of a division's code: digits, and as long as one of the levels."""
        return self.level_of(code) is not None and code.isascii() and code.isdigit()


GBT = CodeProfile(
    "gbt",
    (
        Level("province", 2, "province", "省"),
        Level("city", 4, "city", "市"),
        Level("county", 6, "county", "区县"),
        Level("street", 9, "street", "街道"),
        Level("community", 12, "community", "社区"),
    ),
    15,
)
# Some cities number streets with four digits (domain knowledge, not a standard).
GBT16 = CodeProfile(
    "gbt16", (*GBT.levels[:3], Level("street", 10, "street", "街道"), Level("community", 13, "community", "社区")), 16
)
FIPS = CodeProfile(
    "fips",
    (
        Level("state", 2, "state", "州"),
        Level("county", 5, "county", "县"),
        Level("tract", 11, "census tract", "普查区"),
    ),
    12,
)
FREE = CodeProfile("free", (), None)
BUILT_IN = {profile.name: profile for profile in (GBT, GBT16, FIPS, FREE)}


def read_profile(text: str) -> CodeProfile:
    """A profile by its name, or spelled out: `state=2,county=5,tract=11,unit=12`. Errors: Refusal profile_wrong."""
    if text.lower() in BUILT_IN:
        return BUILT_IN[text.lower()]
    lengths: dict[str, int] = {}
    for part in text.split(","):
        name, separator, length = part.strip().partition("=")
        if not separator or not name or not length.isdigit() or name in lengths:
            raise _wrong(text)
        lengths[name] = int(length)
    unit = lengths.pop("unit", None)
    steps = [*lengths.values(), *([unit] if unit is not None else [])]
    if not steps or any(later <= earlier for earlier, later in zip([0, *steps], steps, strict=False)):
        raise _wrong(text)
    return CodeProfile(text, tuple(Level(name, length, name, name) for name, length in lengths.items()), unit)


def _wrong(text: str) -> Refusal:
    names = ", ".join(BUILT_IN)
    return refuse(
        "profile_wrong",
        f"'{text}' is no code profile: use {names}, or growing lengths such as state=2,county=5,tract=11,unit=12.",
        f"“{text}”不是编码方案：请用 {names}，或写明递增长度，如 state=2,county=5,tract=11,unit=12。",
    )
