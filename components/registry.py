"""The registry: deeds done as one revision."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from components.deeds import Deed, changed, check_unchanged, coded, version_of
from components.numbers import code_reused, was_given
from gis.errors import Fault, Refusal
from gis.store.engine import reading
from gis.store.revisions import Revision, head
from grids.drafts.at_once import Word, publish_at_once
from grids.drafts.sketch import Sketch
from grids.drafts.workbench import Workbench

Name = str
"""How the caller calls a deed."""


@dataclass(slots=True)
class Done:
    """What became of deeds, by name: the codes of those done, why others were not. No revision when none was."""

    revision: Revision | None = None
    codes: dict[Name, str] = field(default_factory=dict)
    refused: dict[Name, Refusal] = field(default_factory=dict)


def check(bench: Workbench, deed: Deed, day: str) -> tuple[Fault, ...]:
    """Try a deed on the newest revision and keep nothing; what a person should know. Errors: those of `do`."""
    with reading(bench.store.world) as connection:
        sketch = bench.blank(connection, head(connection))
        one = _prepare(connection, sketch, deed, day)
        return sketch.then(connection, one.document(), bench.doors, one.owner).edit.notes


@dataclass(frozen=True, slots=True)
class Made:
    """One deed done: the revision, the component's owner and code, and what a person should know."""

    revision: Revision
    owner: str
    code: str
    notes: tuple[Fault, ...]


def do(bench: Workbench, deed: Deed, word: Word, day: str) -> Made:
    """Do one deed. `day` is the date on which it is done, ISO text.

    Errors: Refusal component_changed, code_reused; those of an edit and of `publish_at_once`; nothing_changes.
    """
    made: list[str] = []

    def make(connection: Connection, sketch: Sketch) -> Sketch:
        one = _prepare(connection, sketch, deed, day)
        made[:] = [str(one.code)]
        return sketch.then(connection, one.document(), bench.doors, one.owner)

    published = publish_at_once(bench, make, word)
    assert published is not None, "an edit of a row that changes nothing is refused"
    return Made(published[0], deed.owner, made[0], published[1].notes)


def do_all(
    bench: Workbench,
    deeds: Mapping[Name, Deed],
    word: Word,
    day: str,
    then: Callable[[Connection, int, Sequence[Name]], None],
) -> Done:
    """Do all deeds that can be done, in their order, as one revision; the others are told with their refusal.

    Two deeds of one component, or two that want one code, are not both done. `then` is called under the lock with the
    revision and the names of the deeds done. Errors: those of `publish_at_once`.
    """
    done = Done()

    def make(connection: Connection, sketch: Sketch) -> Sketch:
        done.codes.clear()
        done.refused.clear()
        touched: set[int] = set()
        for name, deed in deeds.items():
            try:
                one = _prepare(connection, sketch, deed, day, touched, set(done.codes.values()), True)
                sketch = sketch.then(connection, one.document(), bench.doors, one.owner)
            except Refusal as refusal:
                done.refused[name] = refusal
                continue
            done.codes[name] = str(one.code)
            if one.uid is not None:
                touched.add(one.uid)
        return sketch

    def finish(connection: Connection, number: int) -> None:
        then(connection, number, list(done.codes))

    published = publish_at_once(bench, make, word, finish)
    done.revision = published[0] if published is not None else None
    return done


def _prepare(
    connection: Connection,
    sketch: Sketch,
    deed: Deed,
    day: str,
    touched: Collection[int] = (),
    taken: Collection[str] = (),
    proposed: bool = False,
) -> Deed:
    """The deed as it is done now: with a code and its dates, on the component as it was looked at.

    `touched` are the uids of components, `taken` the codes of new ones, that deeds before it have.
    """
    if deed.uid is not None and deed.uid in touched:
        before = version_of(connection, deed.uid, deed.version or 0)
        raise Refusal(changed(str(deed.code), before, before, proposed), "conflict")
    check_unchanged(connection, deed, sketch.at, proposed)
    if deed.kind == "register":
        if deed.code is not None and (deed.code in taken or was_given(connection, deed.code, sketch.at)):
            raise Refusal(code_reused(deed.code), "conflict")
        deed = coded(connection, deed, sketch.at, sketch.ground.profile, taken)
        return replace(deed, values={"initial_date": day, **deed.values})
    if deed.kind == "retire":
        return deed
    return replace(deed, values={"change_date": day, **deed.values})
