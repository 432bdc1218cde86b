"""The harness at a small size: the product beside those peers that its own environment has."""

import json
import re
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from bench.__main__ import main
from bench.cities import City, alone, make_city
from bench.locating import PEERS, contest
from bench.ours import stages
from bench.registry import BENCHMARKS
from bench.results import Result, keep
from bench.rounds import OURS, Rounds, differences, play
from bench.size import Size
from bench.stores import MIGRATIONS
from bench.workers import Contender, Worker, line_up

NAMES = {
    "locate_bulk_200k", "locate_cold_200k", "locate_growth", "index_memory_200k", "nearest_1m", "route_year",
    "http_locate", "http_batch_arrow",
    "publish_to_visible_200k", "publish_to_visible_1m", "edit_dry_run_200k", "edit_publish_200k", "check_all_200k",
    "import_1m_components", "import_200k_units", "export_1m_components",
}  # fmt: skip
AT_HAND = ("strtree", "geopandas")
SMALL = Size(rounds=2, shrink=100)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_city(2_000, SMALL.points, tmp_path_factory.mktemp("cities"))


def test_every_benchmark_has_the_name_that_is_promised() -> None:
    assert set(BENCHMARKS) == NAMES


def test_every_name_and_every_peer_is_explained(project_root: Path) -> None:
    text = (project_root / "bench" / "README.md").read_text(encoding="utf-8")
    others = {"memory_limit", "ckdtree", "postgis", "raw_asgi_hello", "uvicorn_hello", "postgis_endpoint"}
    named = NAMES | set(PEERS) | others
    assert {name for name in named if f"`{name}`" not in text} == set()


def test_the_same_city_is_not_made_twice(city: City) -> None:
    before = city.points.stat().st_mtime_ns
    again = make_city(2_000, SMALL.points, city.points.parent.parent)
    assert again == city
    assert city.points.stat().st_mtime_ns == before


def test_points_come_in_no_order_and_lie_in_the_city(city: City) -> None:
    points = np.load(city.points)
    with np.load(city.units) as kept:
        coords, codes = kept["coords"], kept["codes"]
    assert points.shape == (SMALL.points, 2)
    assert ((points >= coords.min(axis=0)) & (points <= coords.max(axis=0))).all()
    assert abs(np.corrcoef(points[:-1, 0], points[1:, 0])[0, 1]) < 0.05
    assert (np.sort(codes) == codes).all()


def test_the_answers_are_those_of_the_peers_and_the_ratios_are_of_this_run(city: City) -> None:
    files = {"units": str(city.units), "points": str(city.points)}
    result = contest(city, SMALL, {name: Contender(PEERS[name], files) for name in AT_HAND})
    assert result.unit == "points/s"
    assert result.value > 0
    assert result.figures["differences"] == dict.fromkeys(AT_HAND, 0)
    assert set(result.ratios) == set(AT_HAND)
    assert min(result.ratios.values()) > 0
    assert result.figures["rounds"] == SMALL.rounds
    json.dumps(result.as_dict())


def test_the_memory_limit_answers_nothing_and_is_compared_in_time_alone(city: City) -> None:
    with Worker("limit", "bench.ours.memory_limit") as worker:
        told = worker.prepare(units=str(city.units), points=str(city.points))
        ran = worker.run()
    assert told["table_bytes"] > 0
    assert ran["checksum"] is None
    assert ran["seconds"] > 0


def test_a_contender_that_fails_says_why(tmp_path: Path) -> None:
    with (
        Worker("strtree", "bench.peers.strtree") as worker,
        pytest.raises(RuntimeError, match="strtree: FileNotFoundError"),
    ):
        worker.prepare(units=str(tmp_path / "none.npz"), points="none.npy")


def test_a_contender_that_dies_says_its_last_words_and_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with Worker("ghost", "bench.peers.ghost") as worker, pytest.raises(RuntimeError, match=r"No module named .*ghost"):
        worker.prepare()
    assert "Traceback" not in capfd.readouterr().err


def test_a_peer_that_cannot_take_part_is_left_out_and_we_are_not(city: City) -> None:
    files = {"units": str(city.units), "points": str(city.points)}
    with ExitStack() as stack:
        ours = Contender("bench.ours.memory_limit", files)
        ready = line_up(stack, {OURS: ours, "ghost": Contender("bench.peers.ghost", files)})
        assert set(ready.workers) == {OURS}
        assert "ghost" in ready.absent["ghost"]
    with ExitStack() as stack, pytest.raises(RuntimeError, match="ours ended"):
        line_up(stack, {OURS: Contender("bench.peers.ghost", files)})


def test_what_other_code_has_made_is_made_again(tmp_path: Path) -> None:
    folder, code = tmp_path / "city", tmp_path / "code"
    code.mkdir()
    (code / "city.py").write_text("one")
    with alone(folder, code):
        (folder / "units").touch()
    with alone(folder, code):
        assert (folder / "units").exists()
    (code / "city.py").write_text("two")
    with alone(folder, code):
        assert not (folder / "units").exists()
    assert MIGRATIONS.is_dir()


def test_time_in_stages_is_counted_once_and_without_what_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(stages, "perf_counter", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    clock = stages.Clock()
    inner = clock.timed("locate", lambda: wait(2.0))
    clock.timed("decide", lambda: (wait(1.0), inner(), inner()))()
    assert clock.seconds() == {"locate": 4.0, "decide": 1.0}
    clock.reset()
    assert clock.seconds() == {}


class Turn:
    """A contender that takes as long as it is told, and notes when it was its turn."""

    def __init__(self, name: str, seconds: list[float], turns: list[str]) -> None:
        self.name, self.seconds, self.turns = name, iter(seconds), turns

    def run(self) -> dict[str, float]:
        self.turns.append(self.name)
        return {"seconds": next(self.seconds)}


def test_rounds_are_interleaved_and_a_ratio_says_how_many_times_better_we_are() -> None:
    turns: list[str] = []
    clocks = {OURS: Turn(OURS, [1.0, 2.0, 4.0], turns), "peer": Turn("peer", [3.0, 8.0, 20.0], turns)}
    rounds = play(clocks, 3, 60.0)
    assert turns == [OURS, "peer", "peer", OURS, OURS, "peer"]  # each round begins with another
    assert rounds.median() == 2.0
    assert rounds.ratios() == {"peer": 4.0}


def test_more_is_better_where_a_rate_is_measured() -> None:
    rounds = Rounds({OURS: [{"rate": 50.0}], "peer": [{"rate": 25.0}]})
    assert rounds.ratios("rate", less_is_better=False) == {"peer": 2.0}


def test_there_is_one_round_whatever_the_budget() -> None:
    assert len(play({OURS: Turn(OURS, [1.0, 1.0], [])}, 2, -1.0)) == 1


def test_differences_are_counted_among_the_questions_that_both_were_asked() -> None:
    assert differences(np.array([1, 2, 3, 4]), np.array([1, 0, 3])) == 1


def test_results_are_merged_and_what_cannot_be_measured_has_none(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    keep(path, {"one": Result(1.0, "s"), "two": Result(2.0, "s")}, ())
    keep(path, {"two": Result(4.0, "s", {"peer": 3.0}, {"p99": 5.0, "rounds": 3})}, ["three"])
    keep(path, {}, ["one"])
    assert json.loads(path.read_text()) == {
        "two": {"value": 4.0, "unit": "s", "ratios": {"peer": 3.0}, "p99": 5.0, "rounds": 3}
    }


def test_a_name_that_is_none_is_refused_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["locate_everything"])
    assert "nearest_1m" in capsys.readouterr().err


def test_the_lock_of_the_peers_is_exact_hashed_and_without_addresses(project_root: Path) -> None:
    lock = (project_root / "bench" / "requirements.lock").read_text()
    assert "://" not in lock
    entries = re.split(r"\n(?=[a-z0-9])", lock)[1:]
    assert all(re.match(r"[a-z0-9._-]+==\S+", each) and "--hash=sha256:" in each for each in entries)
    versions = dict(re.findall(r"^(duckdb[a-z-]*|sedonadb)==(\S+)", lock, re.MULTILINE))
    assert versions["duckdb"] == versions["duckdb-extension-spatial"]
    assert "sedonadb" in versions
