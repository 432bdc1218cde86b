"""The heads under which files bring the fields of a layer: those of the two editions, in either language, or any other.

The national names are as cities deliver them (2026: pinyin, short enough for a dbf; 2013: English). Fields that an
edition has no name for keep their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gis.errors import Fault
from gis.layer import Layer
from gis.tables import Table
from gis.texts import columns_in

STYLES = ("field", "2026", "2013", "zh", "en")
"""Ways to head the columns of an export; "field" is the name of the field itself."""

KEEPER = "owner"
"""The column in which an export says to which division a row belongs, whatever the heads: no field's head."""

_EDITIONS: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "components": {
        "2026": {
            "code": "GLBJBSM", "name": "GLBJMC", "state": "GLBJZT", "supervisor_code": "ZGBMDM",
            "supervisor_name": "ZGBMMC", "owner_code": "QSDWDM", "owner_name": "QSDWMC", "maintainer_code": "YHDWDM",
            "maintainer_name": "YHDWMC", "initial_date": "CSRQ", "change_date": "BGRQ", "source": "SJLY", "note": "BZ",
        },
        "2013": {
            "code": "ObjID", "name": "ObjName", "state": "ObjState", "supervisor_code": "DeptCode1",
            "supervisor_name": "DeptName1", "owner_code": "DeptCode2", "owner_name": "DeptName2",
            "maintainer_code": "DeptCode3", "maintainer_name": "DeptName3", "initial_date": "ORDate",
            "change_date": "CHDate", "source": "DataSource", "note": "Note",
        },
    },
    "units": {
        "2026": {"code": "DYWGBSM", "initial_date": "CSRQ", "end_date": "ZZRQ", "note": "BZ"},
        "2013": {"code": "BGID", "initial_date": "ORDate", "note": "Note"},
    },
}  # fmt: skip
_NEEDED: Mapping[str, frozenset[str]] = {
    "components": frozenset({"code", "name", "state", "supervisor_code", "supervisor_name", "initial_date"}),
    "units": frozenset({"code", "initial_date"}),
}
"""What a delivery after an edition always has; the other heads may be left out."""


DERIVED: Mapping[str, Mapping[str, str]] = {
    "2026": {
        "unit": "SZDYWGBSM", "street": "SZJDDM", "street_name": "SZJDMC", "community": "SZSQDM",
        "community_name": "SZSQMC",
    },
    "2013": {"unit": "BGID"},
}  # fmt: skip
"""Columns of the national deliveries of components that follow from where a component lies."""


def without_derived(table: Table, mapping: Mapping[str, str]) -> tuple[Table, list[Fault]]:
    """A table of components without the columns that follow from where they lie, unless one is mapped; and a note."""
    derived = {_bare(head) for heads in DERIVED.values() for head in heads.values()}
    mapped = {_bare(head) for head in mapping.values()}
    found = [name for name in table.columns if _bare(name) in derived - mapped]
    if not found:
        return table, []
    told = Fault(
        "derived_ignored",
        f"Not taken over: {', '.join(found)}. Unit, street and community follow from where a component lies.",
        f"未导入：{'、'.join(found)}。所在单元网格、街道和社区由部件位置推算。",
        severity="note",
    )
    return replace(table, columns={name: each for name, each in table.columns.items() if name not in found}), [told]


@dataclass(frozen=True, slots=True)
class Heads:
    """A profile of field names: the column of each field. `needed` are those without which a file is not of it.

    `texts` are fields that no column holds as it is: what `gis.texts` makes of other columns, or of none.
    """

    name: str
    columns: Mapping[str, str]
    needed: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def saved(cls, name: str, columns: Mapping[str, str], texts: Mapping[str, str]) -> "Heads":
        """A profile that somebody keeps: all of it is needed."""
        return cls(name, columns, frozenset(columns), texts)

    @property
    def read(self) -> frozenset[str]:
        """The columns of a file that it reads, as they are compared."""
        of_texts = (column for text in self.texts.values() for column in columns_in(text))
        return frozenset(_bare(column) for column in (*self.columns.values(), *of_texts))


def heads_of(layer: Layer, style: str) -> Mapping[str, str]:
    """The head of each field that a file of the layer shows, in one of STYLES."""
    if style == "zh":
        return {field.name: field.zh for field in layer.shown}
    if style == "en":
        return {field.name: field.name.replace("_", " ") if field.en == KEEPER else field.en for field in layer.shown}
    known = _EDITIONS.get(layer.id, {}).get(style, {})
    return {field.name: known.get(field.name, field.name) for field in layer.shown}


def built_in(layer: Layer) -> list[Heads]:
    """The profiles of a layer that everybody has."""
    editions = [
        Heads(style, columns, _NEEDED.get(layer.id, frozenset()) & columns.keys())
        for style, columns in _EDITIONS.get(layer.id, {}).items()
    ]
    languages = [Heads(style, found := heads_of(layer, style), frozenset(found)) for style in ("zh", "en")]
    return editions + languages


def recognise(columns: Sequence[str], layer: Layer, saved: Sequence[Heads]) -> list[Heads]:
    """The profiles that the heads of a file match fully, the best alone; several when they are equally good.

    National ones go before languages, these before saved ones, of which the one with the most columns is best.
    """
    there = {_bare(column) for column in columns}
    fields = {field.name for field in layer.shown} | {"lon", "lat"}
    for known in built_in(layer):
        if all(_bare(head) == name for name, head in known.columns.items()):
            continue  # the fields' own names need no profile
        if all(_bare(known.columns[name]) in there for name in known.needed):
            return [known]
    matching = [
        each for each in saved if each.read and each.columns.keys() | each.texts.keys() <= fields and each.read <= there
    ]
    most = max((len(each.read) for each in matching), default=0)
    return [each for each in matching if len(each.read) == most]


def mapping_of(heads: Heads, columns: Sequence[str], *, own_first: bool) -> dict[str, str]:
    """The columns of a file for the fields that have one under these heads, and for what is needed.

    With `own_first` a field whose own name is a column keeps that column.
    """
    there = {_bare(column) for column in columns}
    found = {name: head for name, head in heads.columns.items() if _bare(head) in there or name in heads.needed}
    return {name: head for name, head in found.items() if not own_first or name not in there or _bare(head) == name}


def texts_of(heads: Heads, columns: Sequence[str], *, own_first: bool) -> dict[str, str]:
    """The texts of a profile; with `own_first` without those of fields whose own name is a column."""
    there = {_bare(column) for column in columns}
    return {name: text for name, text in heads.texts.items() if not own_first or name not in there}


def _bare(head: str) -> str:
    return head.strip().lower()
