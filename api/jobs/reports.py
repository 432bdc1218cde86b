"""The report of a job: a JSON file that appears whole."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from api.jobs.folders import unwritable


def write_report(path: Path, content: Mapping[str, Any]) -> Path:
    """Write a report in the place of the one before. Errors: Refusal file_unwritable."""
    scratch = path.with_name(f".{path.name}.part")
    try:
        scratch.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        scratch.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def counted(faults: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many faults, as JSON members, there are of each severity."""
    sums = Counter(fault["severity"] for fault in faults)
    return {f"{severity}s": sums[severity] for severity in ("error", "warning", "note")}
