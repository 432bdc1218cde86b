"""Several edits, one after the other, as one: what a draft changes when it is published."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from gis.errors import Fault
from grids.edits.ground import Key
from grids.edits.value import Edit, Feature


def compose(edits: Iterable[Edit]) -> Edit:
    """The one edit that does what edits do that follow each other.

    What began and ended within them is left out, and so is what is at the end just as it was; its lineage is joined:
    who became a unit that was in turn merged away became that one. A pair may lead from a version that ends to one of
    another uid that was in force as well, when it gave it ground.
    """
    ended: dict[Key, Feature] = {}
    begun: dict[Key, Feature] = {}
    heirs: dict[int, set[int]] = {}
    notes: list[Fault] = []
    for edit in edits:
        for each in edit.ended:
            if begun.pop(each.key, None) is None:
                ended[each.key] = each
        begun |= {each.key: each for each in edit.begun}
        heirs = _joined(heirs, edit)
        notes += edit.notes
    for key in [key for key in begun if ended.get(key) == begun[key]]:
        del ended[key], begun[key]
    sources, targets = {each.uid for each in ended.values()}, {each.uid for each in begun.values()}
    pairs = {(source, target) for source, many in heirs.items() for target in many if source != target}
    lineage = sorted(pair for pair in pairs if pair[0] in sources and pair[1] in targets)
    return Edit(tuple(ended.values()), tuple(begun.values()), tuple(lineage), tuple(notes))


def with_uids(edit: Edit, uids: Mapping[int, int]) -> Edit:
    """The edit with placeholders replaced by the uids given to them."""

    def settled(features: Sequence[Feature]) -> tuple[Feature, ...]:
        return tuple(replace(each, uid=uids.get(each.uid, each.uid)) for each in features)

    lineage = tuple((uids.get(source, source), uids.get(target, target)) for source, target in edit.lineage)
    return Edit(settled(edit.ended), settled(edit.begun), lineage, edit.notes)


def placeholders(edit: Edit) -> list[int]:
    """The uids below 0 that an edit begins, the first given first."""
    return sorted({each.uid for each in edit.begun if each.uid < 0}, reverse=True)


def _joined(heirs: Mapping[int, set[int]], edit: Edit) -> dict[int, set[int]]:
    """Who became what, after one more edit."""
    stays = {each.uid for each in edit.begun}
    gone = {each.uid for each in edit.ended} - stays
    step: dict[int, set[int]] = {}
    for source, target in edit.lineage:
        step.setdefault(source, set()).add(target)
    joined: dict[int, set[int]] = {}
    for source, many in heirs.items():
        later = set[int]()
        for target in many:
            later |= step.get(target, set())
            if target not in gone:
                later.add(target)
        joined[source] = later
    for source, many in step.items():
        joined.setdefault(source, set()).update(many)
    return joined
