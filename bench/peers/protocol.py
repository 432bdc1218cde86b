"""What a contender does, and the lines in which it speaks with the harness.

The harness writes one command a line, the contender answers each with one line of JSON:

    prepare {…}   load the data (and build the index where the benchmark is a warm one)  -> {figures}
    run           answer the question once                           -> {"seconds", "checksum", figures}
    save PATH     write the answers of the last run as .npy                              -> {}

The end of the input is the end of the contender. A failure is answered with {"error": …}.
"""

import json
import os
import sys
import zlib
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Contender(Protocol):
    """Somebody who answers the question of a benchmark."""

    def prepare(self, *args: Any, **given: Any) -> dict[str, Any] | None:
        """Load what the question is about; nothing of this is timed. May return figures."""

    def run(self) -> Any:
        """The work that is timed, all of it: what it returns holds every answer."""

    def answers(self, found: Any) -> NDArray[Any] | None:
        """What `run` found in the form in which contenders are compared; not timed. None: nothing to compare."""

    def figures(self) -> dict[str, Any]:
        """Other figures of the last run."""


def lowest(count: int, points: NDArray[Any], units: NDArray[Any]) -> NDArray[np.int32]:
    """The answer (count,) of a join that found the pairs (points, units): the lowest unit of each point, -1 for none.

    Units are numbered in the order of their codes, so the lowest number is the lowest code.
    """
    none = np.iinfo(np.int32).max
    found = np.full(count, none, dtype=np.int32)
    np.minimum.at(found, np.asarray(points), np.asarray(units, dtype=np.int32))
    found[found == none] = -1
    return found


def serve(contender: Contender) -> None:
    """Answer commands until there are no more."""
    # What a library prints must not come between the answers: they keep the pipe for themselves.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    last: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            reply = _obey(contender, line.strip(), last)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(reply) + "\n")


def _obey(contender: Contender, line: str, last: dict[str, Any]) -> dict[str, Any]:
    command, _, argument = line.partition(" ")
    if command == "prepare":
        return contender.prepare(**json.loads(argument)) or {}
    if command == "run":
        last.clear()  # the answers before are not kept beside the new ones
        begin = perf_counter()
        found = contender.run()
        seconds = perf_counter() - begin
        last["answers"] = contender.answers(found)
        return {"seconds": seconds, "checksum": _checksum(last["answers"]), **contender.figures()}
    if command == "save":
        np.save(argument, last["answers"])
        return {}
    raise ValueError(f"no such command: {command}")


def _checksum(answers: NDArray[Any] | None) -> int | None:
    return None if answers is None else zlib.crc32(np.ascontiguousarray(answers).data)
