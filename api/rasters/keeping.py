"""The files of rasters: `WANGGE_DATA/rasters/DIGEST.tif`, written once, and noticed when they vanish or change."""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from api.rasters.records import Raster, check_name, check_new, drop_raster, exists, find_raster, put_raster
from api.systems import read_systems
from gis.errors import Fault, refuse
from gis.rasters.making import Told
from gis.rasters.workshop import make_from
from gis.store.engine import Store, reading, writing

PIECE = 2**22
KEEP = "keep"
"""The last step that is told, before the name is taken."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be registered. `crs` and `nodata` ("none" for none) go before what the file says."""

    name: str
    file: Path
    title: str = ""
    owner: str = ""
    note: str = ""
    crs: str | None = None
    nodata: str | None = None
    author: str = ""


class Files:
    """The files of the rasters below a data folder. Safe to share between threads."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "rasters"
        self._seen: dict[str, tuple[int, int]] = {}
        """Size and time of files whose digest was found right although their time is not that of the registry."""

    def path(self, raster: Raster) -> Path:
        """Where the file of a raster is, after a look whether it is the one that was registered.

        A file of the right size and time is taken at its word; one of another time is read once. Errors: Refusal
        raster_gone, raster_changed.
        """
        path = self.folder / f"{raster.digest}.tif"
        try:
            found = path.stat()
            sign = found.st_size, found.st_mtime_ns
            if sign != (raster.bytes, raster.stamp) and self._seen.get(raster.digest) != sign:
                self._verify(raster, path, found.st_size)
                self._seen[raster.digest] = sign
        except OSError as error:
            raise refuse(
                "raster_gone",
                f"The file of the raster {raster.name} is not in the data folder of this server. Bring it back from a "
                f"backup, or remove the raster and add it again (it came as {raster.source}).",
                f"栅格 {raster.name} 的文件不在本服务器的数据目录中。请从备份恢复，或移除后重新添加"
                f"（原文件 {raster.source}）。",
                kind="unavailable",
            ) from error
        return path

    def verify(self, raster: Raster) -> Path:
        """As `path`, but the file is read whatever its time is."""
        path = self.path(raster)
        self._verify(raster, path, path.stat().st_size)
        return path

    def _verify(self, raster: Raster, path: Path, size: int) -> None:
        if size != raster.bytes or digest_of(path) != raster.digest:
            raise refuse(
                "raster_changed",
                f"The file of the raster {raster.name} is not the one that was added: it was changed or is damaged. "
                f"Bring it back from a backup, or remove the raster and add it again (it came as {raster.source}).",
                f"栅格 {raster.name} 的文件已被改动或损坏，与添加时不同。请从备份恢复，或移除后重新添加"
                f"（原文件 {raster.source}）。",
                kind="unavailable",
            )


def add_raster(
    store: Store, files: Files, order: Order, most_bytes: int, told: Told = lambda step, done, total: None
) -> tuple[Raster, tuple[Fault, ...]]:
    """Make a COG of a file, keep it under its digest and register it; and what was odd about the file.

    The name is taken when all is done; until then nothing has changed. Errors: Refusal raster_name_wrong,
    raster_exists, file_unwritable; those of `gis.rasters.workshop.make_from`.
    """
    check_name(order.name)
    with reading(store.world) as connection:
        check_new(connection, order.name)
        crs = read_systems(connection).find(order.crs)
    scratch = files.folder / f".making-{secrets.token_hex(6)}"
    try:
        scratch.mkdir(parents=True)
        made = make_from(
            order.file, scratch / "made.tif", most_bytes=most_bytes, crs=crs, nodata=order.nodata, told=told
        )
        digest = digest_of(made.path)
        target = files.folder / f"{digest}.tif"
        told(KEEP, 1, 1)
        try:
            with writing(store.world) as connection:
                if not target.exists():
                    os.replace(made.path, target)
                found = target.stat()
                new = Raster(
                    name=order.name,
                    owner=order.owner,
                    title=order.title or order.name,
                    note=order.note,
                    source=order.file.name,
                    digest=digest,
                    bytes=found.st_size,
                    stamp=found.st_mtime_ns,
                    description=made.description.as_dict(),
                    author=order.author,
                    added_at=datetime.now(UTC),
                )
                put_raster(connection, new)
        except IntegrityError:  # somebody was faster
            raise exists(order.name) from None
    except OSError as error:
        raise refuse(
            "file_unwritable",
            f"The raster cannot be kept in {files.folder}: {error.strerror or error}.",
            f"无法将栅格保存到 {files.folder}：{error.strerror or error}。",
            kind="unavailable",
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return new, made.faults


def remove_raster(store: Store, files: Files, name: str) -> Raster:
    """Forget a raster, and remove its file unless another one has the same. Errors: Refusal raster_unknown."""
    with writing(store.world) as connection:
        found = find_raster(connection, name)
        if drop_raster(connection, name):
            (files.folder / f"{found.digest}.tif").unlink(missing_ok=True)
    return found


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, read piece by piece."""
    made = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            made.update(piece)
    return made.hexdigest()
