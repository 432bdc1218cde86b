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

from api.cli.model_city import load
from api.editing.undo import run_undo
from api.settings import Settings
from examples.model_city import write as write_city
from gis.errors import Refusal
from gis.store.engine import Store
from gis.store.revisions import current_head
from tests.unbroken.keeper import Keeper, Open, Tally
from tests.unbroken.stores import Make, copies_on_postgis, copies_on_sqlite
from tests.unbroken.towns import MANNERS, settle
from tests.unbroken.wishes import WISHES, Whim

WHIM = st.builds(
    Whim, st.integers(0, 40), st.integers(0, 400), st.integers(0, 11), st.floats(0.05, 0.95), st.floats(-1, 1)
)
WHICH = st.integers(0, 7)
COMMON = ["split", "split", "merge", "reshape", "reshape", "move_vertex", "move_vertex", "retire", "add", "set"]
KIND = st.sampled_from([*COMMON, *WISHES])


class GridMachine(RuleBasedStateMachine):
    """Drafts over a town: a random one, or the one that the store which `make` gives holds already."""

    def __init__(self, make: Make, tally: Tally) -> None:
        super().__init__()
        self.make, self.tally = make, tally
        self.stack = ExitStack()
        self.keeper: Keeper | None = None

    @initialize(manner=st.sampled_from(sorted(MANNERS)), seed=st.integers(0, 100_000))
    def found_a_town(self, manner: str, seed: int) -> None:
        store = self.stack.enter_context(self.make())
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        if current_head(store) == 0:
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

    @rule(which=WHICH, kind=KIND, whim=WHIM)
    def edit(self, which: int, kind: str, whim: Whim) -> None:
        self.kept.edit(self.draft(which), kind, whim)

    @rule(edits=st.lists(st.tuples(KIND, WHIM), min_size=1, max_size=3))
    def edit_and_publish(self, edits: list[tuple[str, Whim]]) -> None:
        self.tally["steps"] += 1
        self.kept.begin("")
        mine = self.kept.drafts[-1]
        for kind, whim in edits:
            self.kept.edit(mine, kind, whim)
        self.kept.publish(mine)
        if mine in self.kept.drafts:
            self.kept.discard(mine)

    @rule(which=WHICH)
    def publish(self, which: int) -> None:
        self.kept.publish(self.draft(which))

    @rule(deed=st.sampled_from(["begin", "undo_step", "redo_step", "rebase", "discard"]), which=WHICH)
    def work_on_a_draft(self, deed: str, which: int) -> None:
        if deed == "begin" and len(self.kept.drafts) < 4:
            self.tally["steps"] += 1
            codes = [each["code"] for each in self.kept.newest["division"].values() if len(each["code"]) >= 9]
            self.kept.begin(["", "", *sorted(codes)][which % (len(codes) + 2)])
        else:
            getattr(self.kept, "rebase" if deed == "begin" else deed)(self.draft(which))

    @precondition(lambda self: self.keeper is not None and len(self.keeper.past) > 1)
    @rule(back=st.sampled_from([0, 0, 0, 1, 2, 5]))
    def undo_a_revision(self, back: int) -> None:
        self.tally["steps"] += 1
        self.kept.undo(max(min(self.kept.past) + 1, max(self.kept.past) - back))

    @rule(compact=st.booleans(), really=st.integers(0, 3))
    def restart(self, compact: bool, really: int) -> None:
        """Now and then, for little else happens meanwhile."""
        if really == 0:
            self.tally["steps"] += 1
            if compact:
                self.kept.worlds.compact()
            self.kept.restart()


def run(make: Make, steps: int, seconds: float = 600, each: int = 40, **more: Any) -> None:
    """Run machines until there were so many steps, and print what they did; within these seconds of a processor."""
    tally: Tally = Counter()
    began, worked = time.monotonic(), time.process_time()
    known = settings(
        max_examples=min(10, 1 + steps // each),
        stateful_step_count=each,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        database=None,
        **more,
    )
    while tally["steps"] < steps:
        run_state_machine_as_test(lambda: GridMachine(make, tally), settings=known)  # type: ignore[arg-type]
        assert time.process_time() - worked < seconds, f"only {tally['steps']} steps"
    print(f"{tally['steps']} steps in {time.monotonic() - began:.0f} s: {dict(sorted(tally.items()))}")


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    with copies_on_sqlite(tmp_path_factory.mktemp("stores")) as make:
        yield make


@pytest.fixture(scope="module")
def on_postgis(postgis_server: str, postgis_template: str) -> Iterator[Make]:
    with copies_on_postgis(postgis_server, postgis_template) as make:
        yield make


@pytest.fixture(scope="module")
def of_the_model_city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Make]:
    folder = tmp_path_factory.mktemp("city")

    def fill(store: Store) -> None:
        write_city(folder, units=50, cases=0)
        load(store, folder, Settings())

    with copies_on_sqlite(tmp_path_factory.mktemp("stores"), fill) as make:
        yield make


def test_no_edits_break_a_grid(on_sqlite: Make) -> None:
    run(on_sqlite, 200)


@pytest.mark.postgis
def test_no_edits_break_a_grid_on_postgis(on_postgis: Make) -> None:
    run(on_postgis, 40, each=20)


def test_no_edits_break_the_grid_of_the_model_city(of_the_model_city: Make) -> None:
    run(of_the_model_city, 40, each=20)


def test_an_undo_is_refused_that_would_leave_a_strip_beside_what_was_drawn_since(on_sqlite: Make) -> None:
    """A split put a node a micrometre off an edge. What was added there has it, what would come back has not."""
    machine = GridMachine(on_sqlite, Counter())
    try:
        machine.found_a_town(manner="plots", seed=26254)
        first = [
            ("renumber", Whim(11, 0, 0, 0.8974383182660295, 0.0)),
            ("split", Whim(0, 0, 0, 0.14317327869271063, 0.0)),
        ]
        machine.edit_and_publish(edits=[*first, ("split", Whim(22, 0, 0, 0.5994134061723388, 0.0))])
        later = [("split", Whim(0, 65, 7, 0.5872502665594189, 0.0)), ("add", Whim(0, 119, 0, 0.5356319208250763, 0.0))]
        machine.edit_and_publish(edits=later)
        store, newest = machine.kept.store, max(machine.kept.past)
        with pytest.raises(Refusal, match="narrower than") as refused:
            run_undo(store, newest - 1, "anna", commit=True)
        assert refused.value.code == "gap"
        assert refused.value.faults[0].where is not None
        assert current_head(store) == newest
    finally:
        machine.teardown()


@pytest.mark.campaign
@pytest.mark.parametrize("part", range(4))
def test_9000_edits_break_no_grid(on_sqlite: Make, part: int) -> None:
    run(on_sqlite, 2250)


@pytest.mark.campaign
def test_1000_edits_do_not_break_the_grid_of_the_model_city(of_the_model_city: Make) -> None:
    run(of_the_model_city, 1000)


@pytest.mark.campaign
@pytest.mark.postgis
def test_1000_edits_break_no_grid_on_postgis(on_postgis: Make) -> None:
    run(on_postgis, 1000)
