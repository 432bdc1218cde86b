"""Start the child process that opens delivered rasters, listen to it, and outlive whatever happens to it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from gis.crs import Crs, CrsLike
from gis.errors import Fault, Refusal, refuse
from gis.rasters.checking import check_place
from gis.rasters.description import Description
from gis.rasters.making import Told
from gis.rasters.reading import OPTIONS
from gis.rasters.tiff import check_tiff
from gis.rasters.worker import BYTES_A_SECOND, FIXED_S

DRIVERS = ("GTiff", "COG", "MEM", "DERIVED")
LONGEST_LINE = 2**20


@dataclass(frozen=True, slots=True)
class Made:
    """A COG that was made, and what was odd about the file it was made of."""

    path: Path
    description: Description
    faults: tuple[Fault, ...]


def make_from(
    source: Path,
    target: Path,
    *,
    most_bytes: int,
    crs: CrsLike | None = None,
    nodata: str | None = None,
    told: Told = lambda step, done, total: None,
) -> Made:
    """Make the COG `target` of a delivered file: as it is if it is one, else written anew without loss.

    `crs` and `nodata` ("none" for none) go before what the file says; the child hears nothing but the name of a local
    system, and the file does not hold it. `told` may raise to stop. Nothing of the file is
    decoded in this process, and `target` is only left there when all went well.

    Errors: Refusal, those of `check_tiff` and of `checking.describe`; raster_damaged; raster_undecodable when the child
    died of the file; file_unwritable.
    """
    source = source.resolve()
    page = check_tiff(source, most_bytes)
    _check_beside(source)
    order = {"source": str(source), "target": str(target.absolute()), "most_bytes": most_bytes}
    local = crs if isinstance(crs, Crs) and crs.local is not None else None
    order |= {"crs": None if crs is None or local else str(crs), "nodata": nodata, "local": local and local.name}
    patience_s = 3 * (FIXED_S + page.decoded_bytes / BYTES_A_SECOND)
    made: Mapping[str, Any] | None = None
    try:
        for line in _lines(order, patience_s, source.name, target.parent):
            if "step" in line:
                told(line["step"], line["done"], line["total"])
            elif "refused" in line:
                faults = [Fault(**each) for each in line["refused"]["faults"]]
                raise Refusal(faults, line["refused"]["kind"])
            elif "made" in line:
                made = line["made"]
        if made is None:
            raise _died(source.name, "it ended without a word")
        described = Description.from_dict(made["description"], lambda name: local or name)
        if local is not None:
            check_place(described, source.name)
    except BaseException:
        for left in target.parent.glob(f"{target.stem}*"):
            left.unlink(missing_ok=True)
        raise
    return Made(target, described, tuple(Fault(**each) for each in made["faults"]))


def _lines(order: dict[str, Any], patience_s: float, name: str, folder: Path) -> Iterator[dict[str, Any]]:
    """What the child says. Errors: Refusal raster_undecodable, file_unwritable."""
    command = [sys.executable, "-P", "-m", "gis.rasters.worker", json.dumps(order)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        cwd=folder,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = _Tail(process.stderr)
    alarm = threading.Timer(patience_s, process.kill)
    alarm.daemon = True
    alarm.start()
    try:
        for line in iter(lambda: process.stdout.readline(LONGEST_LINE), b""):  # type: ignore[union-attr]
            yield json.loads(line)
        code = process.wait()
    finally:
        alarm.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        said.end()
    if code:
        if b"No space left" in said.text or b"File too large" in said.text:
            raise refuse(
                "file_unwritable",
                f"The raster made of {name} cannot be written: no space is left in {folder}.",
                f"无法写入由 {name} 生成的栅格：{folder} 空间不足。",
                kind="unavailable",
            )
        raise _died(name, f"signal {-code}" if code < 0 else _last_line(said.text))


class _Tail:
    """Keeps the last of what a process says on standard error."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.text = stream, b""
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while part := self.stream.read1(65536):  # type: ignore[attr-defined]
            self.text = (self.text + part)[-8192:]

    def end(self) -> None:
        self._thread.join()
        self.stream.close()


def _last_line(text: bytes) -> str:
    lines = text.decode("utf-8", errors="replace").strip().splitlines()
    return lines[-1][:160] if lines else "no word"


def _died(name: str, how: str) -> Refusal:
    return refuse(
        "raster_undecodable",
        f"{name} brought down the process that was to read it ({how}): it needs too much memory or time, or it is made "
        "to do harm. It is not kept.",
        f"{name} 导致读取进程异常退出（{how}）：所需内存或时间过多，或文件被恶意构造，未予保存。",
        kind="unreadable",
    )


@lru_cache(maxsize=1)
def _environment() -> dict[str, str]:
    """The environment of the child: no drivers but those needed, no proxy, no credentials of any cloud."""
    import rasterio

    with rasterio.Env() as gdal:
        others = [name for name in gdal.drivers() if name not in DRIVERS]
    kept = ("PATH", "PYTHONPATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV", "PYTHONHOME")
    told = {name: os.environ[name] for name in kept if name in os.environ}
    options = {name: str(value) for name, value in OPTIONS.items()}
    return {**told, **options, "GDAL_SKIP": ",".join(others), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _check_beside(source: Path) -> None:
    """Errors: Refusal raster_mask_beside, for without its mask a raster would be read wrongly."""
    beside = source.with_name(f"{source.name}.msk")
    if beside.exists():
        raise refuse(
            "raster_mask_beside",
            f"The mask of {source.name} lies in a file of its own, {beside.name}, which is not read. Put it into the "
            f"file: gdal_translate --config GDAL_TIFF_INTERNAL_MASK YES {source.name} with_mask.tif.",
            f"{source.name} 的掩膜在单独的文件 {beside.name} 中，不会读取。请写入文件内："
            f"gdal_translate --config GDAL_TIFF_INTERNAL_MASK YES {source.name} with_mask.tif。",
        )
