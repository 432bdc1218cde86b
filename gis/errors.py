"""One shape for everything that is wrong: a `Fault`, alone in a report or together in a `Refusal`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
Kind = Literal["invalid", "unreadable", "missing", "gone", "conflict", "forbidden", "unavailable"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and in which row, in a sentence of each language that a person can act on.

    `code` is stable snake_case. `row` counts the data rows of a file from 1 (a heading is not counted). `thing` is the
    code of the feature concerned. `where` is a GeoJSON geometry in lon/lat (EPSG:4490). `members` are further facts for
    programs, under names that no fault has otherwise (`successors`).
    """

    code: str
    en: str
    zh: str
    severity: Severity = "error"
    row: int | None = None
    thing: str | None = None
    where: Mapping[str, Any] | None = None
    members: Mapping[str, Any] | None = None

    def text(self, language: str = "en") -> str:
        """The sentence in "zh" or, for any other language, in English."""
        return self.zh if language.startswith("zh") else self.en

    def as_dict(self) -> dict[str, Any]:
        """The fault as JSON members; those that say nothing are left out."""
        members = {
            "code": self.code,
            "severity": self.severity,
            "detail": self.en,
            "detail_zh": self.zh,
            "row": self.row,
            "thing": self.thing,
            "where": self.where,
            **(self.members or {}),
        }
        return {key: value for key, value in members.items() if value is not None}


class Refusal(Exception):
    """Something was asked that is not done, with every fault found. Nothing has changed.

    `kind` decides the HTTP status and the exit code at the edge: invalid 422, unreadable 400, missing 404, gone 410,
    conflict 409, forbidden 403, unavailable 503.
    """

    def __init__(self, faults: Fault | Sequence[Fault], kind: Kind = "invalid") -> None:
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        self.kind: Kind = kind
        super().__init__("; ".join(fault.en for fault in self.faults))

    @property
    def code(self) -> str:
        """The code of the first fault, which names the refusal as a whole."""
        return self.faults[0].code


def refuse(code: str, en: str, zh: str, *, kind: Kind = "invalid", **place: Any) -> Refusal:
    """A refusal of one fault; `place` may hold row, thing, where and members."""
    return Refusal(Fault(code, en, zh, **place), kind)
