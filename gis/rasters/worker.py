"""The child process in which delivered rasters are opened: `python -m gis.rasters.worker ORDER`, ORDER being JSON.

It says what it does in lines of JSON on standard output: {"step", "done", "total"}, at last {"made"} or {"refused"}.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY_BYTES = 4 * 2**30
"""Of addresses, of which GDAL's libraries take a good part without using it."""
FIXED_S, BYTES_A_SECOND = 60, 2e6


def main() -> None:
    """Do the order and say how it ended; whatever kills this process is noticed by who started it."""
    order = json.loads(sys.argv[1])
    _limit(order["most_bytes"])
    from gis.errors import Refusal

    try:
        say({"made": _make(order)})
    except Refusal as refusal:
        faults = [{"code": each.code, "en": each.en, "zh": each.zh} for each in refusal.faults]
        say({"refused": {"kind": refusal.kind, "faults": faults}})


def say(content: dict[str, Any]) -> None:
    """A line to who listens."""
    print(json.dumps(content), flush=True)


def _limit(most_bytes: int) -> None:
    """No more memory, no larger files and no dump of the memory than such a work may need."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 2 * most_bytes + 2**30),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, hard))


def _limit_time(decoded_bytes: int) -> None:
    seconds = int(FIXED_S + decoded_bytes / BYTES_A_SECOND)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 10))


def _make(order: dict[str, Any]) -> dict[str, Any]:
    from dataclasses import asdict, replace

    from gis.rasters import checking, making
    from gis.rasters.reading import opened
    from gis.rasters.tiff import check_tiff

    source, target = Path(order["source"]), Path(order["target"])
    page = check_tiff(source, order["most_bytes"])
    _limit_time(page.decoded_bytes)

    def told(step: str, done: int, total: int) -> None:
        say({"step": step, "done": done, "total": total})

    with opened(source) as dataset:
        described, faults = checking.describe(dataset, page, source.name, order["crs"], order["nodata"], order["local"])
        is_cog = dataset.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG" and dataset.profile.get("tiled", False)
        as_said = not (order["crs"] or order["local"] or order["nodata"]) and not faults
        if is_cog and as_said and page.is_plain:
            making.keep_as_is(dataset, source, target, told)
            described = replace(described, kept=True)
        else:
            described = making.make_cog(dataset, described, target, told)
    making.sync(target)
    return {"description": described.as_dict(), "faults": [asdict(each) for each in faults]}


if __name__ == "__main__":
    main()
