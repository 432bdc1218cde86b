"""Commands as a person types them: `wangge` run inside this process, against a store of the test."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from api.cli.program import main

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Said:
    """What a command gave: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Office:
    """Somebody at a terminal: the store and the folder that the settings name."""

    store: str
    folder: Path
    language: str = "en"
    settings: dict[str, str] = field(default_factory=dict)

    def environment(self, language: str | None = None) -> dict[str, str]:
        """The variables that the commands read."""
        own = {
            "WANGGE_STORE": self.store,
            "WANGGE_DATA": str(self.folder / "data"),
            "WANGGE_LANGUAGE": language or self.language,
            **self.settings,
        }
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WANGGE_")}
        return {**plain, "TERM": "dumb", **own}

    def run(self, *arguments: object, language: str | None = None) -> Said:
        """Run `wangge arguments…`; any exception but a planned exit comes through."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            patch.dict(os.environ, self.environment(language), clear=True),
            patch.object(sys, "argv", ["wangge", *(str(each) for each in arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else int(left.code is not None)
        return Said(code, out.getvalue(), err.getvalue())

    def do(self, *arguments: object) -> Said:
        """Run a command that must succeed."""
        said = self.run(*arguments)
        assert said.code == 0, said.err
        return said

    def publish(self, *arguments: object) -> Said:
        """Import with --commit, which must succeed."""
        return self.do("import", *arguments, "--commit", "--author", "a test")
