"""What a delivery holds: a folder, a zip or a file, as parts; a part is a layer, as a rule of one class."""

import hashlib
import posixpath
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gis.errors import Refusal, refuse
from gis.formats import layers_of
from gis.formats.archive import list_names, unpacked
from gis.formats.notes import SUFFIX as NOTES

SPATIAL = (".shp", ".gpkg", ".gdb", ".fgb", ".geojson", ".geojsonl", ".parquet", ".kml", ".kmz", ".dxf", ".dbf")
TABULAR = (".csv", ".tsv", ".xlsx", ".json", ".ndjson", ".jsonl")
"""What may be features, or a list of something else: without places and codes it is no part."""
_BESIDE = (".shx", ".dbf", ".prj", ".cpg", ".qpj", ".sbn", ".sbx", ".qix", ".qmd", ".fix", ".xml", NOTES)
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A layer at `path`, which the delivery calls `file`; `layer` where the file has several."""

    path: Path
    file: str
    layer: str | None = None

    @property
    def name(self) -> str:
        """The file, and the layer where there is one."""
        return self.file if self.layer is None else f"{self.file}:{self.layer}"

    @property
    def title(self) -> str:
        """What may say the class: the name of the layer, else of the file without its ending."""
        return self.layer or self.path.stem

    @property
    def may_be_none(self) -> bool:
        """Whether it may turn out to be a list of something else."""
        return self.path.suffix.lower() in TABULAR


@dataclass(frozen=True, slots=True)
class Contents:
    """A delivery as it lies open. `ignored` are files that are no layers. `digest` tells it from every other."""

    name: str
    parts: tuple[Part, ...]
    ignored: tuple[str, ...]
    digest: str


def is_several(path: Path) -> bool:
    """Whether it may hold several parts: a folder, a zip, or a database of several layers."""
    if path.suffix.lower() in (".gpkg", ".gdb"):
        return path.exists() and len(layers_of(path) or ()) > 1
    if path.is_file() and path.suffix.lower() == ".zip":
        return len(_sorted_out(list_names(path))[0]) > 1
    return path.is_dir()


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """The delivery, unpacked for the time of the block where it is a zip.

    Errors: Refusal file_missing, file_unreadable, delivery_empty.
    """
    if path.suffix.lower() == ".zip" and path.is_file():
        with unpacked(path) as folder:
            yield _listed(folder, path.name)
    elif path.is_dir() and path.suffix.lower() != ".gdb":
        yield _listed(path, path.resolve().name)
    elif path.exists():
        yield Contents(path.name, tuple(_parts(path, path.name)), (), _digest([(path.name, path)]))
    else:
        raise refuse("file_missing", f"There is no file {path}.", f"文件不存在：{path}。", kind="unreadable")


def _listed(folder: Path, name: str) -> Contents:
    files = [(unicodedata.normalize("NFC", each.relative_to(folder).as_posix()), each) for each in folder.rglob("*")]
    paths = {file: path for file, path in sorted(files) if path.is_file() and not _is_hidden(file)}
    layers, ignored = _sorted_out(list(paths))
    parts = [part for file in layers for part in _parts(_path_of(file, paths, folder), file)]
    if not parts:
        raise refuse(
            "delivery_empty",
            f"{name} holds no file that could be a layer.",
            f"{name} 中没有可作为图层的文件。",
            kind="unreadable",
        )
    return Contents(name, tuple(parts), tuple(ignored), _digest(list(paths.items())))


def _path_of(file: str, paths: Mapping[str, Path], folder: Path) -> Path:
    """The path of a file, or of a folder that is a database."""
    if file in paths:
        return paths[file]
    below = next(path for name, path in paths.items() if name.startswith(f"{file}/"))
    return next(each for each in below.parents if each.suffix.lower() == ".gdb" and each != folder)


def _sorted_out(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Of the names of files those that may be layers, a folder that is a database as one, and those that are not."""
    files = [file for file in files if not _is_hidden(file)]
    shapes = {_stem(file) for file in files if file.lower().endswith(".shp")}
    layers: dict[str, None] = {}
    ignored = []
    for file in files:
        path = PurePosixPath(file)
        database = next((each for each in reversed(path.parents) if each.suffix.lower() == ".gdb"), None)
        suffix = path.suffix.lower()
        if database is not None:
            layers[str(database)] = None
        elif suffix in _BESIDE and (suffix == NOTES or _stem(file) in shapes):
            continue
        elif suffix in (*SPATIAL, *TABULAR):
            layers[file] = None
        else:
            ignored.append(file)
    return list(layers), ignored


def _parts(path: Path, file: str) -> list[Part]:
    """The layers of a file; of one that cannot be opened the file itself, so that it is told when it is read."""
    try:
        layers = layers_of(path)
    except Refusal:
        layers = None
    if not layers or len(layers) == 1:
        return [Part(path, file, None)]
    return [Part(path, file, layer) for layer in layers]


def _stem(file: str) -> str:
    """Without the ending, whatever the case; of `a.shp.xml` without both."""
    lower = file.lower().removesuffix(".xml") if file.lower().endswith(".shp.xml") else file.lower()
    return lower.rpartition(".")[0]


def _is_hidden(file: str) -> bool:
    return any(part.startswith((".", "__MACOSX", "~$")) for part in file.split("/"))


def _digest(files: list[tuple[str, Path]]) -> str:
    """Of the names and contents of all files, so that folder and zip of the same files have the same.

    Folders that all lie in are left out of the names.
    """
    above = posixpath.commonpath([posixpath.dirname(file) for file, _ in files])
    whole = hashlib.sha256()
    for file, path in files:
        file = file.removeprefix(above).lstrip("/")
        for each in [path] if path.is_file() else sorted(path.rglob("*")):
            if each.is_file():
                name = file if each == path else f"{file}/{each.name}"
                whole.update(f"{name}\0{_hash(each)}\0".encode())
    return whole.hexdigest()[:16]


def _hash(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
