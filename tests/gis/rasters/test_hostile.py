"""Files made to do harm, and files that merely broke: refused with a sentence, and the process lives."""

import json
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from gis.errors import Refusal
from gis.rasters import workshop
from gis.rasters.workshop import make_from
from tests.gis.rasters.samples import PLACED, forged, made_of, read_all, write

ONES = np.ones((64, 64), dtype=np.uint8)
UPRIGHT = Affine(10, 0, 500_000, 0, -10, 2_500_000)


def refusal(source: Path, **options: str) -> Refusal:
    with pytest.raises(Refusal) as refused:
        made_of(source, **options)
    fault = refused.value.faults[0]
    assert fault.en.endswith(".")
    assert fault.zh.endswith("。")
    assert [each.name for each in source.parent.iterdir() if each.name.startswith("made-")] == []
    return refused.value


def holding(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def vrt(path: Path) -> Path:
    path.write_text(
        '<VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        "<SourceFilename>/etc/passwd</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    return path


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("raster.tif", b"\0" * 10**7)
    return path


def truncated(path: Path) -> Path:
    write(path, np.arange(300 * 300, dtype=np.uint16).reshape(300, 300))
    path.write_bytes(path.read_bytes()[:-5000])
    return path


def corrupt(path: Path) -> Path:
    write(path, np.random.default_rng(1).integers(0, 9, (600, 600)).astype(np.uint8), compress="deflate", tiled=True)
    content = bytearray(path.read_bytes())
    content[50_000:150_000] = b"\xff" * 100_000
    path.write_bytes(content)
    return path


def circle(path: Path) -> Path:
    forged(path, 8, 8)
    content = bytearray(path.read_bytes())
    content[-4:] = content[4:8]
    path.write_bytes(content)
    return path


HOSTILE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "a VRT that names another file": ("raster_not_tiff", vrt),
    "an archive": ("raster_not_tiff", archive),
    "no bytes": ("raster_not_tiff", lambda path: holding(path, b"")),
    "text": ("raster_not_tiff", lambda path: holding(path, b"hello")),
    "a head alone": ("raster_damaged", lambda path: holding(path, b"II*\0\xff\xff\xff\x0f")),
    "no image": ("raster_empty", lambda path: holding(path, b"II*\0\0\0\0\0")),
    "the end missing": ("raster_damaged", truncated),
    "blocks overwritten": ("raster_damaged", corrupt),
    "images in a circle": ("raster_damaged", circle),
    "no CRS": ("crs_missing", lambda path: write(path, ONES, crs=None)),
    "no place": ("raster_unplaced", lambda path: forged(path, 8, 8)),
    "a place that is no number": (
        "raster_unplaced",
        lambda path: forged(path, 8, 8, **PLACED | {"t33550": (12, [float("nan"), 10.0, 0.0])}),
    ),
    "pixels without size": (
        "raster_unplaced",
        lambda path: forged(path, 8, 8, **PLACED | {"t33550": (12, [0.0, 0.0, 0.0])}),
    ),
    "rotated": ("raster_rotated", lambda path: write(path, ONES, transform=UPRIGHT @ Affine.rotation(30))),
    "sheared": ("raster_rotated", lambda path: write(path, ONES, transform=UPRIGHT @ Affine.shear(20, 0))),
    "upside down": ("raster_rotated", lambda path: write(path, ONES, transform=Affine(1, 0, 5e5, 0, 1, 25e5))),
    "degrees said to be metres in the wrong place": (
        "raster_misplaced",
        lambda path: write(path, ONES, crs="EPSG:4326"),
    ),
    "no bands": ("raster_empty", lambda path: forged(path, 8, 8, t277=(3, [0]), **PLACED)),
    "no pixels": ("raster_empty", lambda path: forged(path, 0, 8, **PLACED)),
    "more pixels than are taken": ("raster_too_large", lambda path: forged(path, 2**31 - 1, 2**31 - 1, **PLACED)),
    "a width beyond all": ("raster_damaged", lambda path: forged(path, 2**32 - 1, 2**10, **PLACED)),
    "a strip that is the whole raster": (
        "raster_blocks",
        lambda path: forged(path, 30_000, 30_000, b"\0" * 600_000, t259=(3, [8]), **PLACED),
    ),
    "tiles of a billion pixels": (
        "raster_blocks",
        lambda path: forged(
            path, 64, 64, t273=None, t278=None, t279=None,
            t322=(4, [32768]), t323=(4, [32768]), t324=(4, [8]), t325=(4, [64]), **PLACED,
        ),
    ),
    "tiles without a side": (
        "raster_blocks",
        lambda path: forged(path, 64, 64, t322=(4, [0]), t323=(4, [64]), t324=(4, [8]), t325=(4, [64]), **PLACED),
    ),
    "blocks beyond the end": ("raster_damaged", lambda path: forged(path, 8, 8, t273=(4, [2**31]), **PLACED)),
    "no blocks": ("raster_damaged", lambda path: forged(path, 8, 8, t273=None, **PLACED)),
    "complex numbers": ("raster_type", lambda path: write(path, ONES.astype(np.complex64))),
    "whole numbers of 64 bits": ("raster_type", lambda path: write(path, ONES.astype(np.int64))),
    "a word for no data": (
        "raster_nodata",
        lambda path: forged(path, 8, 8, t42113=(2, list(b"none at all\0")), **PLACED),
    ),
    "overviews in another file": (
        "raster_refers_outside",
        lambda path: forged(
            path, 8, 8,
            t42112=(2, list(b'<GDALMetadata><Item name="OVERVIEW_FILE" domain="OVERVIEWS">x</Item></GDALMetadata>')),
            **PLACED,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_with_a_sentence(what: str, tmp_path: Path) -> None:
    code, make = HOSTILE[what]
    assert refusal(make(tmp_path / "raster.tif")).code == code


def test_a_forged_file_that_is_right_is_read(tmp_path: Path) -> None:
    made = made_of(forged(tmp_path / "right.tif", 8, 8, bytes(range(64)), **PLACED))
    assert read_all(made.path).tolist() == [np.arange(64).reshape(8, 8).tolist()]


def test_a_gigabyte_of_nothing_in_a_small_file_is_a_bomb(tmp_path: Path) -> None:
    source = tmp_path / "sparse.tif"
    write(source, np.zeros((1, 1), dtype=np.uint8))  # the folder is writable
    import rasterio

    options = {"driver": "GTiff", "count": 1, "width": 60_000, "height": 60_000, "dtype": "uint8"}
    tiled = {"tiled": True, "blockxsize": 4096, "blockysize": 4096, "compress": "deflate", "sparse_ok": True}
    with rasterio.open(source, "w", crs="EPSG:4547", transform=UPRIGHT, **options, **tiled):
        pass
    with pytest.raises(Refusal) as refused:
        make_from(source, tmp_path / "made-x.tif", most_bytes=10**11)
    assert refused.value.code == "raster_bomb"
    assert refusal(source).code == "raster_too_large"


def test_a_mask_in_a_file_beside_is_not_passed_over(tmp_path: Path) -> None:
    source = write(tmp_path / "raster.tif", ONES)
    (tmp_path / "raster.tif.msk").write_bytes(b"whatever")
    assert refusal(source).code == "raster_mask_beside"


def test_other_files_beside_are_not_read(tmp_path: Path) -> None:
    source = write(tmp_path / "raster.tif", ONES * 5)
    (tmp_path / "raster.tif.aux.xml").write_text(
        "<PAMDataset><PAMRasterBand band='1'><NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>"
    )
    vrt(tmp_path / "raster.tif.ovr")
    (tmp_path / "raster.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    made = made_of(source)
    assert made.description.left == 500_000
    assert not np.ma.getmaskarray(read_all(made.path)).any()


def test_nothing_is_fetched_from_a_network(tmp_path: Path) -> None:
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    ended = threading.Event()

    def listen() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            asked.append(connection.recv(200))
            connection.close()

    thread = threading.Thread(target=listen)
    thread.start()
    address = f"/vsicurl/http://127.0.0.1:{listener.getsockname()[1]}/x.tif"
    try:
        for number, text in enumerate(
            [
                f'<Item name="OVERVIEW_FILE" domain="OVERVIEWS">{address}</Item>',
                f'<Item name="OVERVIEW&#95;FILE" domain="OVERVIEW&#83;">{address}</Item>',  # the same
                f'<Item name="MASK" sample="0">{address}</Item>',
            ]
        ):
            told = list(f"<GDALMetadata>{text}</GDALMetadata>\0".encode())
            source = forged(tmp_path / f"{number}.tif", 8, 8, t42112=(2, told), **PLACED)
            with suppress(Refusal):
                made_of(source)
    finally:
        ended.set()
        thread.join()
        listener.close()
    assert asked == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_file_with_bytes_changed_is_read_or_refused(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    (tmp_path / "bytes.tif").unlink(missing_ok=True)
    source = write(tmp_path / "bytes.tif", ONES * 3, compress="lzw", tiled=True, blockxsize=32, blockysize=32)
    content = bytearray(source.read_bytes())
    for at, value in changes:
        content[at % len(content)] = value
    source.write_bytes(content)
    with suppress(Refusal):
        made_of(source)


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("import os; os.abort()", "signal 6"),
        ("raise MemoryError('out of memory')", "out of memory"),
        ("import time; time.sleep(60)", "signal 9"),
        ("pass", "without a word"),
    ],
)
def test_a_child_that_dies_is_outlived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stub: str, said: str) -> None:
    child = tmp_path / "child" / "gis" / "rasters"
    child.mkdir(parents=True)
    for each in (child, child.parent):
        (each / "__init__.py").touch()
    (child / "worker.py").write_text(stub)
    kept = workshop._environment()
    monkeypatch.setattr(workshop, "_environment", lambda: {**kept, "PYTHONPATH": str(tmp_path / "child")})
    if "sleep" in stub:
        monkeypatch.setattr(workshop, "FIXED_S", 0.3)
    with pytest.raises(Refusal) as refused:
        made_of(write(tmp_path / "raster.tif", ONES))
    assert refused.value.code == "raster_undecodable"
    assert said in refused.value.faults[0].en


def test_a_child_takes_no_more_memory_than_it_may(tmp_path: Path) -> None:
    order = json.dumps({"most_bytes": 10**9})
    code = "import sys; from gis.rasters import worker; worker._limit(10**9); bytearray(8 * 2**30)"
    done = subprocess.run([sys.executable, "-c", code, order], capture_output=True, check=False)
    assert b"MemoryError" in done.stderr
