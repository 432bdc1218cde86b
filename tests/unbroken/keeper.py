"""Who keeps a grid: drafts, publishes, takes back, and looks after every step whether anything is broken."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy import func, select

from api.editing.drafting import DOORS
from api.editing.undo import run_undo
from api.layers import revisioned_layers
from api.worlds import Worlds
from cases.desk import Desk, load_desk
from cases.drafting import drafted_desk
from cases.impact import moved_components
from gis.errors import Refusal
from gis.store.engine import Store, reading, writing
from gis.store.revisions import current_head
from gis.store.scope import EVERYTHING
from grids.drafts.publishing import Published, Wanted, publish_draft
from grids.drafts.records import close_draft, create_draft, redo_edit, undo_edit
from grids.drafts.tables import draft as draft_table
from grids.drafts.tables import draft_edit
from grids.drafts.workbench import Work, Workbench
from grids.edits.value import Edit
from grids.history import Place, changes
from tests.api.desks import differences, other_blocks
from tests.unbroken import oracle
from tests.unbroken.checking import assert_checks_agree
from tests.unbroken.oracle import TABLES, State
from tests.unbroken.wishes import EVERYWHERE, WISHES, Document, Whim

Tally = Counter[str]
COVERAGE = {"overlap", "unmatched_edge", "gap", "gap_overlaps_unit", "invalid_geometry"}
UNDO_REFUSED = {"undo_touched", "undo_code_taken", "undo_in_use", *COVERAGE}
PUBLISH_REFUSED = {"draft_conflict", "draft_empty"}


@dataclass(slots=True)
class Open:
    """A draft as its keeper remembers it. `steps` are the edits that count: what they come to, and whether the ground
    of all units stays the same.
    """

    id: str
    owner: str
    steps: list[tuple[Edit, bool, int]] = field(default_factory=list)
    undone: list[tuple[Edit, bool, int]] = field(default_factory=list)


class Keeper:
    """Of one store and its world files. What is done and refused is counted in `tally`."""

    def __init__(self, store: Store, folder: Path, tally: Tally, seed: int = 0) -> None:
        self.store, self.folder, self.tally = store, folder, tally
        self.random = np.random.default_rng(seed)
        self.drafts: list[Open] = []
        self.reused: set[str] = set()
        self.past: dict[int, State] = {}
        self.mirror: State = {table.name: {} for table in TABLES}
        self.place = Place(0)
        self.restart()
        self.look(current_head(self.store))

    @property
    def newest(self) -> State:
        """What was in force when it was looked at last."""
        return self.past[max(self.past)]

    def restart(self) -> None:
        """As after a start of the server: nothing is in memory but what the store and the files hold."""
        self.bench, self.worlds = Workbench(self.store, DOORS), Worlds(self.store, self.folder, poll_s=0)
        self.worlds.newest()

    # Drafts

    def begin(self, owner: str) -> None:
        with writing(self.store.world) as connection:
            self.drafts.append(Open(create_draft(connection, owner, "draft", "anna").id, owner))

    def edit(self, mine: Open, kind: str, whim: Whim) -> None:
        """Try an edit, then make it: both come to the same, and refused they leave everything as it was."""
        work = self.bench.look(mine.id)
        with reading(self.store.world) as connection:
            document = WISHES[kind](work.sketch.on(connection), whim)
        before = self.digest()
        try:
            tried = self.bench.dry_run(mine.id, [document]).sketch
        except Refusal as refusal:
            self.refused(kind, refusal, before)
            with self.refusing(refusal.code if not work.conflicts else None, before):
                self.bench.add(mine.id, [document], "anna", None)
            return
        assert self.digest() == before, "a dry run changed something"
        if work.conflicts:
            with self.refusing("draft_conflict", before):
                self.bench.add(mine.id, [document], "anna", None)
            return
        done, _ = self.bench.add(mine.id, [document], "anna", work.draft.version)
        assert done.sketch.edit == tried.edit
        self.tally[f"edit {kind}"] += 1
        if document.get("reuse"):
            self.reused.add(document["community"])
        mine.undone.clear()
        mine.steps.append((done.sketch.edit, self.same_ground(work, done, document), done.sketch.at))

    def same_ground(self, before: Work, after: Work, document: Document) -> bool:
        """Whether a draft's edit leaves the ground of all units as it was; it must unless it is to change it."""
        with reading(self.store.world) as connection:
            old, new = (
                [each.shape for each in work.sketch.on(connection).units(EVERYWHERE)] for work in (before, after)
            )
        assert shapely.coverage_is_valid(np.array(new, dtype=object)), document
        if document["op"] == "add":
            return False
        was, now = (shapely.coverage_union_all(np.array(shapes, dtype=object)) for shapes in (old, new))
        if document["op"] == "move_vertex":
            node = after.sketch.steps[-1].notes[-1].where
            rim = {tuple(place) for place in shapely.get_coordinates(was).tolist()}
            if node is not None and tuple(node["coordinates"][0]) in rim:
                return False
        assert oracle.moved_edges(was, now) == [], document
        return True

    def undo_step(self, mine: Open) -> None:
        before = self.digest()
        draft = self.bench.look(mine.id).draft
        if not mine.steps:
            with self.refusing("nothing_to_undo", before), writing(self.store.world) as connection:
                undo_edit(connection, draft)
            return
        with writing(self.store.world) as connection:
            undo_edit(connection, draft)
        mine.undone.append(mine.steps.pop())
        self.tally["undo step"] += 1
        self.is_as_remembered(mine)

    def redo_step(self, mine: Open) -> None:
        before = self.digest()
        draft = self.bench.look(mine.id).draft
        if not mine.undone:
            with self.refusing("nothing_to_redo", before), writing(self.store.world) as connection:
                redo_edit(connection, draft)
            return
        with writing(self.store.world) as connection:
            redo_edit(connection, draft)
        mine.steps.append(mine.undone.pop())
        self.tally["redo step"] += 1
        self.is_as_remembered(mine)

    def is_as_remembered(self, mine: Open) -> None:
        """A draft comes to what it came to with these steps, on the same revision, worked out anew."""
        work = Workbench(self.store, DOORS).look(mine.id)
        wanted, _, at = mine.steps[-1] if mine.steps else (Edit((), ()), True, work.sketch.at)
        assert len(work.documents) == len(mine.steps)
        if work.sketch.at == at:
            for now, then in ((work.sketch.edit.ended, wanted.ended), (work.sketch.edit.begun, wanted.begun)):
                assert {each.key: each for each in now} == {each.key: each for each in then}

    def rebase(self, mine: Open) -> None:
        before = self.digest()
        try:
            work = self.bench.rebase(mine.id)
        except Refusal as refusal:
            self.refused("rebase", refusal, before, {"draft_conflict"})
            return
        assert work.draft.base == current_head(self.store)
        self.tally["rebase"] += 1

    def discard(self, mine: Open) -> None:
        with writing(self.store.world) as connection:
            close_draft(connection, self.bench.look(mine.id).draft, "discarded")
        self.drafts.remove(mine)
        self.tally["discard"] += 1

    # Revisions

    def publish(self, mine: Open) -> None:
        before, desk = self.digest(), self.worlds.newest()
        work = self.bench.look(mine.id)
        with reading(self.store.world) as connection:
            foreseen = moved_components(connection, work.sketch)[1]
            drafted = drafted_desk(connection, desk, work.sketch, self.worlds.private_heap(desk))
        behind = work.sketch.at != desk.revision
        try:
            made = publish_draft(self.bench, mine.id, Wanted(work.draft.version, "anna"))
        except Refusal as refusal:
            self.refused("publish", refusal, before, PUBLISH_REFUSED)
            return
        self.drafts.remove(mine)
        self.tally["publish"] += 1
        keeps = all(same for _, same, _ in mine.steps)
        assert not behind, "a draft with conflicts was published"
        self.look(made.revision.number, keeps, made)
        self.is_foreseen(made, [(each.name[0], each.before, each.after) for each in foreseen], drafted)

    def is_foreseen(self, made: Published, moved: list[Any], drafted: Desk) -> None:
        """What the draft said of lookups and of components is so."""
        number = made.revision.number
        old, new = self.past[number - 1], self.past[number]
        places = oracle.places_to_ask(new, self.random, 30)
        assert differences(drafted, self.worlds.newest(), places) == []
        own = {each.uid for each in (*made.edit.ended, *made.edit.begun) if each.layer == "components"}
        rows = [row for uid, row in old["component"].items() if uid not in own]
        if rows:
            where = shapely.get_coordinates(shapely.from_wkb([row["geom"] for row in rows]))
            was, now = oracle.owners(old, where), oracle.owners(new, where)
            wanted = [(row["code"], a, b) for row, a, b in zip(rows, was, now, strict=True) if a != b]
            assert sorted(moved, key=str) == sorted(wanted, key=str)

    def undo(self, number: int) -> None:
        """Take a revision back: everything that it touched is what it was before, to the byte."""
        before, newest = self.digest(), max(self.past)
        try:
            made = run_undo(self.store, number, "anna", commit=True)
        except Refusal as refusal:
            self.refused("undo", refusal, before, UNDO_REFUSED)
            with self.refusing(refusal.code, before):
                run_undo(self.store, number, "anna")
            return
        self.tally["undo"] += 1
        if made.revision is None:
            assert self.digest() == before
            return
        self.look(made.revision.number)
        was, then, now = self.past[number - 1], self.past[number], self.past[newest + 1]
        if number == newest:
            oracle.assert_same(now, was)
        for table in set(was) - {"division"}:
            for uid in was[table].keys() | then[table].keys():
                if was[table].get(uid) != then[table].get(uid):
                    assert now[table].get(uid) == was[table].get(uid), (table, uid)

    # What must hold

    def look(self, number: int, keeps: bool = False, made: Published | None = None) -> None:
        """Look at the newest revision, which is one more than the last that was looked at."""
        with reading(self.store.world) as connection:
            state, newest = oracle.read_state(connection), current_head(self.store)
            assert newest == number
            assert not self.past or newest == max(self.past) + 1
            assert oracle.broken_coverage(state) == []
            assert oracle.broken_divisions(state) == []
            if keeps:
                assert oracle.moved_edges(oracle.outer(self.past[newest - 1]), oracle.outer(state)) == []
            assert oracle.broken_lineage(connection) == []
            if made is not None:
                gone = self.newest["unit"].keys() - state["unit"].keys()
                assert gone <= oracle.sources(connection, newest), "who is retired by a draft has an heir"
            assert oracle.codes_given_twice(connection, self.reused) == []
            assert_checks_agree(connection, state, made)
            fresh = load_desk(connection, newest)
            self.follow(connection, newest)
            oracle.assert_same(self.mirror, state, "the feed of changes leads elsewhere")
            self.past[newest] = state
            some = int(self.random.choice(list(self.past)))
            oracle.assert_same(
                oracle.read_state(connection, some), self.past[some], f"revision {some} is not what it was"
            )
        self.look_at_world(state, fresh)

    def look_at_world(self, state: State, fresh: Desk) -> None:
        desk = self.worlds.newest()
        assert desk.revision == fresh.revision
        places = oracle.places_to_ask(state, self.random, 60)
        assert oracle.badly_held(state, places) == []
        assert differences(desk, fresh, places) == []
        shapes = oracle.polygons(state["unit"])
        assert other_blocks(desk.grid.units, dict(zip(oracle.codes(state["unit"]), shapes, strict=True))) == 0
        things = [row["geom"] for row in state["component"].values()]
        where = np.concatenate([places, shapely.get_coordinates(shapely.from_wkb(things))]) if things else places
        units = desk.grid.locate(where).units.tolist()
        assert oracle.wrongly_told(state, where, [desk.grid.unit_code(each) for each in units]) == []

    def follow(self, connection: Any, until: int) -> None:
        """Read the feed on, as somebody would who keeps a copy."""
        layers = revisioned_layers(connection, None, EVERYTHING)
        tables = {layer.id.partition(".")[0]: layer.table for layer in layers}
        for each in changes(connection, layers, EVERYTHING, self.place, until):
            rows = self.mirror[tables[each.layer.partition(".")[0]]]
            uid = each.row["uid"]
            assert (uid in rows) == (each.change != "created"), f"{each.change} {uid}"
            rows.pop(uid, None)
            if each.change != "retired":
                rows[uid] = oracle.plain(each.row)
        self.place = Place(until)

    def digest(self) -> Any:
        """What tells whether anything was written."""
        with reading(self.store.world) as connection:
            of = [
                connection.execute(select(func.count(), func.count(each.c.to_revision), func.max(each.c.row_id))).one()
                for each in TABLES
            ]
            drafts = connection.execute(select(draft_table.c.id, draft_table.c.version, draft_table.c.state)).all()
            edits = select(draft_edit.c.position, draft_edit.c.undone).order_by(draft_edit.c.position)
            return current_head(self.store), of, sorted(drafts), connection.execute(edits).all()

    def refused(self, what: str, refusal: Refusal, before: Any, codes: set[str] | None = None) -> None:
        """A refusal says why in both languages, is for one of the reasons `codes`, and nothing has changed."""
        assert codes is None or refusal.code in codes, refusal
        assert all(fault.en and fault.zh for fault in refusal.faults)
        assert self.digest() == before, f"refused with {refusal.code}, and something has changed"
        self.tally[f"refused {what}: {refusal.code}"] += 1

    def refusing(self, code: str | None, before: Any) -> "_Refusing":
        return _Refusing(self, code, before)


@dataclass(slots=True)
class _Refusing:
    """A block that must be refused with this code, or with any, and change nothing."""

    keeper: Keeper
    code: str | None
    before: Any

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if error is None:
            raise AssertionError(f"not refused, but {self.code} was expected")
        if not isinstance(error, Refusal):
            return False
        assert self.code in (None, error.code), error
        assert self.keeper.digest() == self.before
        return True
