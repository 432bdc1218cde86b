"""Every benchmark at the smallest size: what it needs, what it says, and what it leaves in the file."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import bench.__main__ as program
from bench import cities, workers
from bench.environment import peers_are_installed
from bench.registry import BENCHMARKS
from bench.results import NotMeasurable

UNITS = {
    "locate_bulk_200k": "points/s",
    "locate_cold_200k": "s",
    "locate_growth": "times",
    "index_memory_200k": "bytes/unit",
    "nearest_1m": "points/s",
    "route_year": "s",
    "route_rulebook_growth": "times",
    "http_locate": "requests/s",
    "http_batch_arrow": "points/s",
    "publish_to_visible_200k": "ms",
    "publish_to_visible_1m": "ms",
    "edit_dry_run_200k": "ms",
    "edit_publish_200k": "ms",
    "check_all_200k": "s",
    "import_1m_components": "s",
    "import_200k_units": "s",
    "export_1m_components": "s",
}
PEERS = {
    "locate_bulk_200k": {"sedonadb", "duckdb", "geopandas", "strtree", "memory_limit"},
    "locate_cold_200k": {"sedonadb"},
    "nearest_1m": {"ckdtree", "postgis"},
    "http_locate": {"raw_asgi_hello", "uvicorn_hello", "postgis_endpoint"},
}
STAGES = {"read", "parse", "locate", "areas", "components", "boundaries", "decide", "words", "write"}
BESIDE = {
    "locate_cold_200k": {"stages"},
    "locate_growth": {"ns_20k", "ns_200k", "ns_1m", "units"},
    "index_memory_200k": {"own", "mapped"},
    "route_year": {"stages", "first_s", "first_stages", "load_s", "cases_per_s", "peak_bytes"},
    "route_rulebook_growth": {"load_s", "rules", "ns_large", "ns_small"},
    "http_locate": {"p50", "p99"},
    "http_batch_arrow": {"p50", "p99"},
    "publish_to_visible_200k": {"p99", "from_request", "locate", "tile", "item", "postgis", "store"},
    "publish_to_visible_1m": {"p99", "from_request", "locate", "tile", "item", "postgis", "store"},
    "edit_dry_run_200k": {"p99", "postgis", "store"},
    "edit_publish_200k": {"p99", "edit", "postgis", "store"},
    "check_all_200k": {"postgis", "store"},
    "import_1m_components": {"cpu_s", "peak_mb", "lock_s", "again", "csv", "shp", "postgis", "store"},
    "import_200k_units": {"cpu_s", "peak_mb", "lock_s", "postgis", "store"},
    "export_1m_components": {"cpu_s", "peak_mb", "csv", "shp", "parquet", "fgb", "geojson", "postgis", "store"},
}
LOADED = {"http_locate", "http_batch_arrow"}
EDITED = {
    "publish_to_visible_200k",
    "publish_to_visible_1m",
    "edit_dry_run_200k",
    "edit_publish_200k",
    "check_all_200k",
}
FILES = {"import_1m_components", "import_200k_units", "export_1m_components"}
STORED = {"nearest_1m", "http_locate", *EDITED, *FILES}


def has_postgis() -> bool:
    return any(
        Path(f"/usr/share/postgresql/{folder.parent.name}/extension/postgis.control").exists()
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
    )


@pytest.fixture(scope="module", autouse=True)
def cache() -> Iterator[Path]:
    """Small cities of our own, and all processors left to the other tests."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="wangge-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL, which does not run as root, has to get to its data in there
        patch.setattr(cities, "CACHE", folder)
        patch.setattr(program, "share_two_processors", lambda: None)
        yield folder


def measured(name: str, folder: Path) -> dict[str, Any]:
    assert program.main([name, "--quick"], folder) == 0
    kept = json.loads((folder / "shrunk.json").read_text(), parse_constant=pytest.fail)
    assert set(kept) == {name}
    result: dict[str, Any] = kept[name]
    return result


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.postgis] * (n in STORED)) for n in BENCHMARKS])
def test_a_benchmark_runs_at_the_smallest_size_and_its_result_has_the_promised_shape(name: str, tmp_path: Path) -> None:
    if name in PEERS and not peers_are_installed():
        pytest.skip("the peers are not installed: `make bench` installs them into .cache/bench-venv")
    if name in LOADED and shutil.which("wrk") is None:
        pytest.skip("wrk, which makes the load, is not installed: scripts/install_wrk does it")
    if name in STORED and not has_postgis():
        pytest.skip("PostgreSQL with PostGIS is not installed: scripts/install_postgis does it")
    result = measured(name, tmp_path)
    assert result["unit"] == UNITS[name]
    assert result["value"] > 0
    assert set(result["ratios"]) == PEERS.get(name, set())
    assert all(ratio > 0 for ratio in result["ratios"].values())
    assert result["rounds"] >= 1
    assert {"processor", "load_before", "commit", "at"} <= set(result["machine"])
    assert set(result.get("differences", {}).values()) <= {0}
    assert BESIDE.get(name, set()) <= set(result)
    assert "absent" not in result
    if name == "route_year":
        assert set(result["stages"]) == STAGES
        assert set(result["first_stages"]) == {*STAGES, "tables"}
        assert result["bad"] == 0
        assert 0 < result["routed"] <= result["cases"]


@pytest.mark.parametrize("name", ["locate_bulk_200k", "locate_cold_200k", "nearest_1m"])
def test_where_the_peers_cannot_be_installed_we_are_measured_alone_and_it_is_said_why(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> Path:
        raise NotMeasurable("the peers could not be installed: no network")

    monkeypatch.setattr(workers, "peers_python", refused)
    result = measured(name, tmp_path)
    assert result["value"] > 0
    assert set(result["ratios"]) <= {"memory_limit"}
    assert set(result["absent"]) == PEERS[name] - {"memory_limit"}
    said = capsys.readouterr().out
    assert f"not compared with {min(result['absent'])}: the peers could not be installed: no network" in said


def test_a_benchmark_that_fails_says_so_in_a_sentence_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(size: Any) -> Any:
        raise RuntimeError("wrk failed: it is too old")

    monkeypatch.setitem(BENCHMARKS, "http_locate", failing)
    assert program.main(["http_locate", "index_memory_200k", "--quick"], tmp_path) == 1
    assert set(json.loads((tmp_path / "shrunk.json").read_text())) == {"index_memory_200k"}
    said = capsys.readouterr()
    assert "http_locate: not measured: wrk failed: it is too old" in said.out
    assert "Traceback" not in said.out + said.err


def test_stopping_from_the_keyboard_shows_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(size: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setitem(BENCHMARKS, "http_locate", stopped)
    assert program.main(["index_memory_200k", "http_locate", "--quick"], tmp_path) == program.STOPPED
    said = capsys.readouterr()
    assert "index_memory_200k" in said.out
    assert "Stopped." in said.err


def test_shrunk_figures_are_kept_apart_from_those_that_mean_something(tmp_path: Path) -> None:
    program.main(["index_memory_200k", "--quick"], tmp_path)
    assert not (tmp_path / "latest.json").exists()
