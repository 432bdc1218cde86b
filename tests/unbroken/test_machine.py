"""A machine that edits grids at random, and looks after every step whether anything is broken."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.unbroken.keeper import Keeper, Open, Tally
from tests.unbroken.stores import Make, copies_on_postgis, copies_on_sqlite
from tests.unbroken.towns import DISTRICTS, MANNERS, settle
from tests.unbroken.wishes import WISHES, Whim

WHIM = st.builds(
    Whim, st.integers(0, 40), st.integers(0, 400), st.integers(0, 11), st.floats(0.05, 0.95), st.floats(-1, 1)
)
WHICH = st.integers(0, 3)
OWNER = st.sampled_from(["", "", *DISTRICTS])
COMMON = ["split", "split", "merge", "reshape", "reshape", "move_vertex", "move_vertex", "retire", "add", "set"]
KIND = st.sampled_from([*COMMON, *WISHES])


class GridMachine(RuleBasedStateMachine):
    """Drafts over a random town; `make` gives it a store, `tally` counts what it does."""

    def __init__(self, make: Make, tally: Tally, manner: str | None = None) -> None:
        super().__init__()
        self.make, self.tally, self.manner = make, tally, manner
        self.stack = ExitStack()
        self.keeper: Keeper | None = None

    @initialize(manner=st.sampled_from(sorted(MANNERS)), seed=st.integers(0, 100_000))
    def found_a_town(self, manner: str, seed: int) -> None:
        store = self.stack.enter_context(self.make())
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        if self.manner is None:
            settle(store, MANNERS[manner](seed), seed)
        self.keeper = Keeper(store, folder / "world", self.tally, seed)

    def teardown(self) -> None:
        self.stack.close()

    @property
    def kept(self) -> Keeper:
        assert self.keeper is not None
        return self.keeper

    def draft(self, which: int) -> Open:
        self.tally["steps"] += 1
        if not self.kept.drafts:
            self.kept.begin("")
        return self.kept.drafts[which % len(self.kept.drafts)]

    @precondition(lambda self: self.keeper is not None and len(self.keeper.drafts) < 4)
    @rule(owner=OWNER)
    def begin_a_draft(self, owner: str) -> None:
        self.tally["steps"] += 1
        self.kept.begin(owner)

    @rule(which=WHICH, kind=KIND, whim=WHIM)
    def edit(self, which: int, kind: str, whim: Whim) -> None:
        self.kept.edit(self.draft(which), kind, whim)

    @rule(which=WHICH, kind=KIND, whim=WHIM)
    def edit_more(self, which: int, kind: str, whim: Whim) -> None:
        self.kept.edit(self.draft(which), kind, whim)

    @rule(kind=KIND, whim=WHIM)
    def edit_and_publish(self, kind: str, whim: Whim) -> None:
        self.tally["steps"] += 1
        self.kept.begin("")
        mine = self.kept.drafts[-1]
        self.kept.edit(mine, kind, whim)
        self.kept.publish(mine)
        if mine in self.kept.drafts:
            self.kept.discard(mine)

    @rule(which=WHICH)
    def undo_a_step(self, which: int) -> None:
        self.kept.undo_step(self.draft(which))

    @rule(which=WHICH)
    def redo_a_step(self, which: int) -> None:
        self.kept.redo_step(self.draft(which))

    @rule(which=WHICH)
    def rebase(self, which: int) -> None:
        self.kept.rebase(self.draft(which))

    @rule(which=WHICH)
    def publish(self, which: int) -> None:
        self.kept.publish(self.draft(which))

    @precondition(lambda self: self.keeper is not None and len(self.keeper.drafts) > 2)
    @rule(which=WHICH)
    def discard(self, which: int) -> None:
        self.kept.discard(self.draft(which))

    @precondition(lambda self: self.keeper is not None and max(self.keeper.past) > 1)
    @rule(back=st.sampled_from([0, 0, 0, 1, 2, 5]))
    def undo_a_revision(self, back: int) -> None:
        self.tally["steps"] += 1
        self.kept.undo(max(2, max(self.kept.past) - back))

    @rule(compact=st.booleans())
    def restart(self, compact: bool) -> None:
        self.tally["steps"] += 1
        if compact:
            self.kept.worlds.compact()
        self.kept.restart()


def run(make: Make, steps: int, seconds: float, each: int = 40, manner: str | None = None, **more: Any) -> Tally:
    """Run machines until there were so many steps, or so many seconds have passed; what they did."""
    tally: Tally = Counter()
    end, examples = time.monotonic() + seconds, max(1, min(10, steps // each))
    known = settings(
        max_examples=examples,
        stateful_step_count=each,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        database=None,
        **more,
    )
    while tally["steps"] < steps and time.monotonic() < end:
        run_state_machine_as_test(lambda: GridMachine(make, tally, manner), settings=known)  # type: ignore[arg-type]
    return tally


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    with copies_on_sqlite(tmp_path_factory.mktemp("stores")) as make:
        yield make


@pytest.fixture(scope="module")
def on_postgis(postgis_server: str, postgis_template: str) -> Iterator[Make]:
    with copies_on_postgis(postgis_server, postgis_template) as make:
        yield make


def test_no_edits_break_a_grid(on_sqlite: Make) -> None:
    tally = run(on_sqlite, 200, 60)
    assert tally["steps"] >= 200
    print(sorted(tally.items()))
