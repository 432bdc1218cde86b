"""The commands of the pages, run as a reader would type them."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.docs.console import SERVER, read_said, read_steps, to_script

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]
ENGLISH = [page for page in PAGES if not page.name.endswith(".zh.md") and read_steps(page)]
LONGEST_S = 300


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def outside(folder: Path) -> dict[str, str]:
    """The environment of the reader: no setting of whoever runs the tests, the project's programs first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WANGGE_", "COVERAGE", "PYTEST"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", ""), str(folder.parent)])
    plain = {"COLUMNS": "100", "TERM": "dumb", "LC_ALL": "C.UTF-8", "USER": "anna", "LOGNAME": "anna", "TZ": "UTC"}
    store = {"WANGGE_STORE": f"sqlite:///{folder / 'wangge.db'}", "WANGGE_DATA": str(folder / "data")}
    return {**kept, **plain, **store, "PATH": path}


def stand_in_for_curl(folder: Path) -> None:
    """A program called curl in the folder, where the machine has none."""
    if shutil.which("curl") is None:
        program = folder / "curl"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("curl.py")}" "$@"\n')
        program.chmod(0o755)


@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_shows(page: Path, tmp_path: Path) -> None:
    steps, port = read_steps(page), free_port()
    script = tmp_path / "page.sh"
    script.write_text(to_script(steps, port), encoding="utf-8")
    work = tmp_path / "work"
    work.mkdir()
    stand_in_for_curl(tmp_path)
    done = subprocess.run(
        ["bash", str(script)], cwd=work, env=outside(work), stdout=subprocess.PIPE, timeout=LONGEST_S, check=False
    )
    answers = read_said(done.stdout.decode("utf-8", errors="replace"), port)
    assert len(answers) == len(steps), f"{page.name} stopped early: {done.stdout[-2000:].decode(errors='replace')}"
    wrong = []
    for number, (step, (said, code)) in enumerate(zip(steps, answers, strict=True)):
        asked = number + 1 < len(steps) and steps[number + 1].command.startswith("echo $?")
        if (code != 0 and not asked and step.command != SERVER) or not step.matches(said):
            wrong.append(f"$ {step.command}\n{said}(exit code {code})")
    assert not wrong, f"{page.name} shows something else than\n\n" + "\n\n".join(wrong)


@pytest.mark.parametrize("page", ENGLISH[1:], ids=lambda page: page.name)
def test_a_guide_has_the_same_commands_in_chinese(page: Path) -> None:
    chinese = page.with_name(page.name.replace(".md", ".zh.md"))
    said = [step.command for step in read_steps(chinese)]
    assert said == [step.command for step in read_steps(page) if step.command != "export WANGGE_LANGUAGE=en"]


def test_every_guide_is_there_in_both_languages() -> None:
    guides = {page.name for page in PAGES[1:]}
    english = {name for name in guides if not name.endswith(".zh.md")}
    assert guides - english == {re.sub(r"\.md$", ".zh.md", name) for name in english}
