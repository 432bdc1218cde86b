"""Pages whose commands are run.

In a ```console block `$ ` begins a command, and what follows is its output. A ```yaml or ```python block that begins
with `# NAME.yaml` or `# NAME.py` is a file that the reader has saved under that name.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(console|yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\S+\.(?:yaml|py))\n")
MARK = "\x1e"
ANYTHING = "…"
SERVER = "wangge serve &"
"""The one command that is not run as it stands: it listens on a free port, and the next command waits for it."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page and the output that the page shows; none shown means that any will do.

    In the output `…` stands for any text in a line, and alone in a line for any lines.
    """

    command: str
    output: tuple[str, ...]

    def matches(self, said: str) -> bool:
        """Whether the command said what the page shows."""
        pattern = "".join(map(_pattern, self.output))
        ended = said if said.endswith("\n") else f"{said}\n"  # a body need not end its last line
        return not self.output or re.fullmatch(pattern, ended) is not None


def _pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*?"
    return ".*".join(map(re.escape, line.rstrip().split(ANYTHING))) + r"\s*\n"


def read_steps(page: Path) -> list[Step]:
    """The commands of a page in their order."""
    steps: list[Step] = []
    for language, block in FENCE.findall(page.read_text(encoding="utf-8")):
        if language != "console":
            name = FILE.match(block)
            steps += [Step(f"cat > {name[1]} <<'END'\n{block}END", ())] if name else []
            continue
        command: str | None = None
        output: list[str] = []
        for line in [*block.splitlines(), "$ "]:
            if line.startswith("$ "):
                if command is not None:
                    steps.append(Step(command, tuple(output)))
                command, output = line[2:], []
            elif command is not None and command.endswith("\\"):
                command += "\n" + line
            else:
                output.append(line)
    return steps


def to_script(steps: list[Step], port: int) -> str:
    """A shell script that runs the steps in one shell, and says where each begins and how it ended."""
    lines = ["exec 2>&1", "trap 'kill $SERVER 2>/dev/null; wait' EXIT"]
    for number, step in enumerate(steps):
        lines += [f"rc=$?; printf '{MARK}{number}\\n'; (exit $rc)", _served(step.command, port)]
        lines += [f"rc=$?; printf '{MARK}={number} %d\\n' $rc; (exit $rc)"]
    return "\n".join(lines) + "\n"


def _served(command: str, port: int) -> str:
    if command != SERVER:
        return command.replace(":8000", f":{port}")
    alive = f"curl -sf http://127.0.0.1:{port}/healthz >/dev/null"
    wait = f"for turn in $(seq 200); do {alive} && break; kill -0 $SERVER || break; sleep 0.2; done"
    return f"wangge serve --port {port} >serve.log & SERVER=$!; {wait}; {alive} || tail -20 serve.log"


def read_said(text: str, port: int) -> list[tuple[str, int]]:
    """What each step said, and its exit code."""
    found = re.findall(rf"{MARK}(\d+)\n(.*?){MARK}=\1 (\d+)\n", text, re.DOTALL)
    return [(said.replace(f":{port}", ":8000"), int(code)) for _, said, code in found]
