"""The frame of the repository: what a clone must hold for everything else to work."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LONGEST_FILE = 400
LEFT_OUT = {".venv", ".git", ".cache", "node_modules", "build", "dist", "static"}


def files(folder: Path, *suffixes: str) -> Iterator[Path]:
    """The files people write, not those that tools make."""
    for path in folder.iterdir():
        if path.is_dir() and path.name not in LEFT_OUT:
            yield from files(path, *suffixes)
        elif path.suffix in suffixes:
            yield path


@pytest.fixture(scope="module")
def project(project_root: Path) -> dict[str, Any]:
    return tomllib.loads((project_root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock(project_root: Path) -> str:
    return (project_root / "requirements.lock").read_text()


def pins(lock: str) -> list[Requirement]:
    return [Requirement(line.removesuffix("\\").strip()) for line in lock.splitlines() if re.match(r"[a-z0-9]", line)]


def test_every_pin_of_the_lock_is_exact_and_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", lock[lock.index("\n") :])[1:]
    assert len(entries) == len(pins(lock)) > 50
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==\S+", entry)
        assert "--hash=sha256:" in entry


def test_the_lock_names_no_address(lock: str) -> None:
    assert "://" not in lock
    assert not re.search(r"^\s*(-i|-f|--index|--extra-index|--find-links|--trusted)", lock, re.MULTILINE)


def test_the_lock_holds_every_dependency_in_a_version_that_the_project_takes(
    project: dict[str, Any], lock: str
) -> None:
    pinned: dict[str, list[Requirement]] = {}
    for pin in pins(lock):
        pinned.setdefault(canonicalize_name(pin.name), []).append(pin)
    for line in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
        wanted = Requirement(line)
        for pin in pinned[canonicalize_name(wanted.name)]:
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{line} does not take {version}: run `make lock`"


def test_the_tools_assume_the_oldest_python_that_the_project_takes(project: dict[str, Any]) -> None:
    assert project["project"]["requires-python"] == ">=3.11"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    assert project["tool"]["mypy"]["python_version"] == "3.11"


def test_every_folder_of_tests_is_a_package(project_root: Path) -> None:
    folders = {path.parent for path in files(project_root / "tests", ".py")}
    assert {str(folder) for folder in folders if not (folder / "__init__.py").exists()} == set()


def test_no_file_is_longer_than_400_lines(project_root: Path) -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in files(project_root, ".py", ".ts", ".tsx")}
    assert {str(path): length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_module_has_a_name_that_says_nothing(project_root: Path) -> None:
    empty = {"core", "common", "utils", "util", "helpers", "helper", "base", "manager"}
    assert {
        str(path) for path in files(project_root, ".py", ".ts", ".tsx") if {path.stem, path.parent.name} & empty
    } == set()


def test_the_licence_is_apache_2(project_root: Path, project: dict[str, Any]) -> None:
    assert project["project"]["license"] == "Apache-2.0"
    text = (project_root / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def test_the_changelog_begins_with_what_is_unreleased_and_knows_the_released_version(
    project_root: Path, project: dict[str, Any]
) -> None:
    headings = re.findall(r"^## \[(.+?)\]", (project_root / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1:2] in ([], [project["project"]["version"]])
