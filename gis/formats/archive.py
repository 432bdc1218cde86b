"""A delivery in a zip: the one file in it that can be read, with the files that belong to it."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gis.errors import refuse

LARGEST = 4 * 2**30
"""Bytes that a zip may unpack to."""
MOST_MEMBERS = 20_000


@contextmanager
def opened(
    path: Path, layer: str | None, readable: Sequence[str], first: str = ""
) -> Iterator[tuple[Path, str | None]]:
    """Unpack for the time of the block, and give the path of the file that is meant and the layer to look for in it.

    `layer` chooses among several files by their stem; without it one of the stem `first` is meant.

    Errors: Refusal file_unreadable, layer_missing, layer_ambiguous.
    """
    with unpacked(path) as folder:
        files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
        yield _choose(path, files, layer, readable, first)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder into which a zip is unpacked for the time of the block.

    Errors: Refusal file_unreadable for what is no zip, what unpacks to more than LARGEST bytes or MOST_MEMBERS files,
    and for names that lead out of the folder.
    """
    with tempfile.TemporaryDirectory(prefix="wangge-") as folder:
        try:
            with zipfile.ZipFile(path) as packed:
                members = [member for member in packed.infolist() if not member.is_dir()]
                if sum(member.file_size for member in members) > LARGEST or len(members) > MOST_MEMBERS:
                    raise _unreadable(
                        path,
                        f"it unpacks to more than 4 GB or {MOST_MEMBERS} files",
                        f"解压后超过 4 GB 或 {MOST_MEMBERS} 个文件",
                    )
                for member in members:
                    _unpack(path, packed, member, Path(folder))
        except (
            zipfile.BadZipFile,
            zipfile.LargeZipFile,
            NotImplementedError,
            RuntimeError,
            OSError,
            EOFError,
        ) as error:
            raise _unreadable(path, str(error), str(error)) from error
        yield Path(folder)


def list_names(path: Path) -> list[str]:
    """The names of the files in a zip, with / between folders; none of what is no zip."""
    try:
        with zipfile.ZipFile(path) as packed:
            return [_name(member) for member in packed.infolist()[:MOST_MEMBERS] if not member.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError):
        return []


def _name(member: zipfile.ZipInfo) -> str:
    """The name of a member; one that is not marked as UTF-8 is in the code page of the place, as Windows writes it."""
    name = member.filename
    if not member.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("gb18030")
        except UnicodeError:
            name = member.filename
    return name.replace("\\", "/")


def _unpack(path: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    """Unpack a member under its own name. Errors: Refusal file_unreadable for a name that leads out of the folder."""
    name = _name(member)
    parts = PurePosixPath(name).parts
    if not parts or {"/", "..", "//"} & {*parts}:
        raise _unreadable(
            path,
            f"it holds '{name[:80]}', a name that leads out of the folder",
            f"其中的“{name[:80]}”指向解压目录之外",
        )
    target = folder.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    with packed.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)


def _choose(
    path: Path, files: list[Path], layer: str | None, readable: Sequence[str], first: str
) -> tuple[Path, str | None]:
    shapes = {file.with_suffix("") for file in files if file.suffix.lower() == ".shp"}
    files = list(dict.fromkeys(_database(file) or file for file in files))
    found = [file for file in files if file.suffix.lower() in readable and not file.name.startswith(".")]
    found = [file for file in found if file.suffix.lower() != ".dbf" or file.with_suffix("") not in shapes]
    found = [file for file in found if file.suffix.lower() != ".zip"]
    meant = [file for file in found if file.stem == first]
    found = meant if len(meant) == 1 else found
    names = sorted(file.stem for file in found)
    if not found:
        raise _unreadable(path, "there is nothing in it that can be read here", "其中没有可读取的文件")
    if len(found) == 1:
        return found[0], None if layer == found[0].stem else layer
    if layer is None:
        raise refuse(
            "layer_ambiguous",
            f"{path.name} holds several files; name one as the layer: {', '.join(names)}.",
            f"{path.name} 中有多个文件，请指定其一作为图层：{'、'.join(names)}。",
            kind="unreadable",
        )
    chosen = [file for file in found if file.stem == layer]
    if len(chosen) != 1:
        raise refuse(
            "layer_missing",
            f"{path.name} holds no one file '{layer}'; there are {', '.join(names)}.",
            f"{path.name} 中没有唯一的“{layer}”；现有：{'、'.join(names)}。",
            kind="unreadable",
        )
    return chosen[0], None


def _database(file: Path) -> Path | None:
    """The folder of a FileGDB that a file belongs to."""
    return next((folder for folder in file.parents if folder.suffix.lower() == ".gdb"), None)


def _unreadable(path: Path, en: str, zh: str) -> Exception:
    return refuse(
        "file_unreadable",
        f"{path.name} cannot be read: {en}.",
        f"无法读取 {path.name}：{zh}。",
        kind="unreadable",
    )
