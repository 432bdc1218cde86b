"""Files of cases and of what became of them, into the log: checked as a whole, then kept piece by piece."""

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from api.transfer.case_rows import Reading, Rows, damaged, read_rows
from api.worlds import Worlds
from cases.desk import Desk
from cases.filing import Counted, Filed, file_cases, sort_cases
from cases.log import check_kept, digest_of
from cases.reports import FIELDS, Defaults, from_records
from cases.texts import TEXTS, split_texts
from gis.errors import Fault, Refusal
from gis.store.engine import Store, reading
from gis.store.scope import Scope

CASES, OUTCOMES = "cases", "outcomes"
NAMES = ("source", "id", "class_code", "component_code")
NUMBERS = ("lon", "lat", "accuracy_m", "version")
COUNTS = ("new", "changed", "same", "late", "wrong")
KEPT_FAULTS = 1000
Advance = Callable[[int], None]
Begun = Callable[["Taken"], None]
"""Hears what was found, before anything is kept; may raise to stop."""


@dataclass(slots=True)
class Taken:
    """What an import of cases or outcomes found and did: counts of rows, new, changed, same, late and wrong ones."""

    layer: str
    source: str
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)
    further: Counter[str] = field(default_factory=Counter)
    committed: bool = False
    skipping: bool = False

    def add(self, faults: Sequence[Fault]) -> None:
        """Keep the first faults, count the others."""
        room = max(KEPT_FAULTS - len(self.faults), 0)
        self.faults += faults[:room]
        self.further.update(each.code for each in faults[room:])

    def count(self, counted: Counted) -> None:
        """Add what became of some rows."""
        self.counts.update(counted[0])
        self.add(counted[1])

    @property
    def is_acceptable(self) -> bool:
        """Whether nothing is wrong, or what is wrong was to be left out."""
        return self.skipping or not self.counts["wrong"]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON members."""
        return {
            "layer": self.layer,
            "source": self.source,
            "rows": self.rows,
            **{name: self.counts[name] for name in COUNTS},
            "acceptable": self.is_acceptable,
            "committed": self.committed,
            "faults": [each.as_dict() for each in self.faults],
            "further": dict(self.further),
        }


@dataclass(frozen=True, slots=True)
class Manner:
    """How a file is taken in: with what rows lack, whether wrong rows are left out, whether anything is kept.

    `prefix` is that of whoever sends it: cases in other units are not theirs.
    """

    how: Reading
    defaults: Defaults
    skip_rejected: bool = False
    commit: bool = False
    author: str = ""
    prefix: str = ""


def import_cases(
    store: Store,
    worlds: Worlds,
    path: Path,
    manner: Manner,
    advance: Advance = lambda rows: None,
    begun: Begun = lambda taken: None,
) -> Taken:
    """Take in the cases of a file: each is decided as it stands and kept, as if it were sent alone, without `similar`.

    Nothing is kept when a row is wrong, unless such rows are to be left out. An import that was cut off is finished by
    the same command: what is there is the same. Errors: those of reading; store_busy, store_down.
    """
    taken = Taken(CASES, str(path), skipping=manner.skip_rejected)
    desk = worlds.newest()
    manner = replace(manner, defaults=desk.defaults(manner.defaults))
    decide = partial(desk.route_all, scope=Scope((manner.prefix,)))
    names, digests, rows = (array("q") for _ in range(3))
    for filed, wrong in _read_cases(path, manner, desk):
        taken.rows += len(filed) + len({each.row for each in wrong})
        taken.counts["wrong"] += len({each.row for each in wrong})
        taken.add(wrong)
        with reading(store.log) as log:
            _, counts, faults = sort_cases(log, filed)
        taken.count((counts, faults))
        told = {fault.row for fault in faults}
        good = [each for each in filed if each.row not in told]
        names.extend(_number(f"{each.name}{each.version}") for each in good)
        digests.extend(int(each.digest[:15], 16) for each in good)
        rows.extend(each.row for each in good)
        advance(len(filed))
    twice = _told_otherwise(names, digests, rows)
    if twice:
        taken.counts.update({"wrong": len(twice), "new": -len(twice)})
        taken.add([_twice(row) for row in twice])
    if not manner.commit or not taken.is_acceptable:
        return taken
    begun(taken)
    bad, found = set(twice), Counter[str]()
    for filed, _ in _read_cases(path, manner, desk):
        counts, _ = file_cases(store, [each for each in filed if each.row not in bad], decide)
        found.update(counts)
        advance(len(filed))
    taken.counts.update({name: found[name] - taken.counts[name] for name in ("new", "same", "late")})
    taken.committed = True
    return taken


def _read_cases(path: Path, manner: Manner, desk: Desk) -> Iterator[tuple[list[Filed], list[Fault]]]:
    for piece in read_rows(path, replace(manner.how, fields=(*FIELDS, *TEXTS))):
        defaults = manner.defaults
        if piece.crs is not None:
            defaults = replace(defaults, crs=piece.crs, stated=defaults.stated | {"crs"})
        filed, wrong = _filed(piece, defaults)
        beyond = _beyond(desk, filed, manner.prefix)
        told = {fault.row for fault in beyond}
        yield [each for each in filed if each.row not in told], [*wrong, *beyond]


def _beyond(desk: Desk, filed: Sequence[Filed], prefix: str) -> list[Fault]:
    """The cases in units whose code does not begin with the prefix; outside every unit a case is anybody's."""
    if not prefix or not filed:
        return []
    lonlat = np.array([(each.case.lon, each.case.lat) for each in filed], dtype=np.float64)
    units = [desk.grid.unit_code(unit) for unit in desk.grid.units.lowest(lonlat).tolist()]
    return [
        Fault(
            "prefix_missing",
            f"The case lies in the unit {unit}, and your key ends at {prefix}.",
            f"该案件位于网格 {unit}，超出您的密钥范围 {prefix}。",
            row=each.row,
            where={"type": "Point", "coordinates": [each.case.lon, each.case.lat]},
            thing=each.case.id,
        )
        for each, unit in zip(filed, units, strict=True)
        if unit is not None and not unit.startswith(prefix)
    ]


def _filed(piece: Rows, defaults: Defaults) -> tuple[list[Filed], list[Fault]]:
    """The cases of some rows, and the faults of those that are none."""
    reports, texts, faults = list[dict[str, Any]](), list[Mapping[str, str]](), list(piece.faults)
    for row, members in zip(piece.rows, piece.members(), strict=True):
        try:
            report, said = split_texts(members)
        except Refusal as refusal:
            faults += [replace(fault, row=row) for fault in refusal.faults]
            report, said = dict[str, Any](), dict[str, str]()
        faults += [fault for name in NAMES if (fault := damaged(row, name, members.get(name))) is not None]
        reports.append(report)
        texts.append(said)
    found = from_records(reports, defaults, rows=piece.rows)
    bad = {fault.row for fault in faults if fault.severity == "error"}
    filed = []
    for row, case, wrong, report, words in zip(piece.rows, found.cases, found.faults, reports, texts, strict=True):
        if row in bad:
            continue
        if case is None:
            faults += wrong
            continue
        try:
            check_kept(case)
        except Refusal as refusal:
            faults += [replace(fault, row=row) for fault in refusal.faults]
            continue
        whole = _stated(report, defaults)
        filed.append(Filed(row, case, whole, digest_of(whole), words))
    return filed, [each for each in faults if each.severity == "error"]


def _stated(report: Mapping[str, Any], defaults: Defaults) -> dict[str, Any]:
    """The report as a sender would have sent it alone: numbers as numbers, and with what was said of the whole file."""
    whole = dict(report)
    for name in NUMBERS:
        if name in whole:
            number = float(whole[name])
            whole[name] = int(number) if name == "version" else number
    whole["id"] = str(whole["id"])
    whole.setdefault("source", defaults.source)
    said: dict[str, Any] = {"crs": defaults.crs, "accuracy_m": defaults.accuracy_m}
    if "class_code" in whole:
        said |= {"edition": defaults.edition, "kind": defaults.kind}
    declared = whole["source"] in defaults.sources.known
    for name, value in said.items():
        if name in defaults.usual and declared:  # what its source says goes before, now and when it is sent again
            continue
        if value is not None and (name == "kind" or name in defaults.stated):
            whole.setdefault(name, value)
    return whole


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())


def _told_otherwise(names: Sequence[int], digests: Sequence[int], rows: Sequence[int]) -> list[int]:
    """The rows that say of a version of a case something else than an earlier row."""
    name, digest = np.array(names, dtype=np.int64), np.array(digests, dtype=np.int64)
    order = np.argsort(name, kind="stable")
    same = np.zeros(len(order), dtype=bool)
    same[1:] = name[order][1:] == name[order][:-1]
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    differs = same & (digest[order] != digest[order][first])
    return sorted(np.array(rows, dtype=np.int64)[order[differs]].tolist())


def _twice(row: int) -> Fault:
    return Fault(
        "version_conflict",
        "An earlier row has the same version of this case and says something else; give it a higher version.",
        "前面的行已有该案件的同一版本且内容不同；请提高版本号。",
        row=row,
    )
