"""Where the files of jobs lie: a folder for each below WANGGE_DATA/jobs, and in it one for each attempt.

jobs/place              which folder this is, so that servers know whether they share it
jobs/ID/given/file/     what the caller sent; removed when the job has ended
jobs/ID/2/              what the second attempt wrote
jobs/ID.part/           an upload that is coming in
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time

from gis.errors import refuse

PARTS = ("file", "gaps_file", "scope_file")
"""What a caller may send; each lies in a folder of its own."""
ABANDONED_S = 24 * 3600.0


def jobs_folder(data: Path) -> Path:
    return data / "jobs"


def place_of(data: Path) -> str:
    """The name of the folder of jobs, given to it once; servers that share the folder read the same.

    Errors: Refusal file_unwritable.
    """
    folder = jobs_folder(data)
    file = folder / "place"
    try:
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            scratch = folder / f".place-{secrets.token_hex(8)}"
            scratch.write_text(secrets.token_hex(8))
            try:
                os.link(scratch, file)  # whole or not at all, and only the first of several
            except FileExistsError:
                pass
            finally:
                scratch.unlink()
        return file.read_text().strip()
    except OSError as error:
        raise unwritable(folder, error) from error


@contextmanager
def incoming(data: Path, job_id: str) -> Iterator[Path]:
    """A folder to receive files in, removed in the end unless `keep` was called."""
    folder = jobs_folder(data) / f"{job_id}.part"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep(data: Path, job_id: str) -> None:
    """Make what came in the files of a job that is to be made."""
    folder = given_folder(data, job_id)
    folder.parent.mkdir(parents=True)
    (jobs_folder(data) / f"{job_id}.part").rename(folder)


def given_folder(data: Path, job_id: str) -> Path:
    return jobs_folder(data) / job_id / "given"


def attempt_folder(data: Path, job_id: str, attempt: int) -> Path:
    """The folder of an attempt, made if need be. Errors: Refusal file_unwritable."""
    folder = jobs_folder(data) / job_id / str(attempt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def drop_given(data: Path, job_id: str) -> None:
    """Remove what the caller sent."""
    shutil.rmtree(given_folder(data, job_id), ignore_errors=True)


def drop_folder(data: Path, job_id: str) -> None:
    """Remove everything of a job."""
    shutil.rmtree(jobs_folder(data) / job_id, ignore_errors=True)


def drop_abandoned(data: Path) -> None:
    """Remove uploads that were cut off long ago, when the server was killed."""
    for folder in jobs_folder(data).glob("*.part"):
        if time() - folder.stat().st_mtime > ABANDONED_S:
            shutil.rmtree(folder, ignore_errors=True)


def unwritable(path: Path, error: OSError) -> Exception:
    """The refusal of a folder or file that cannot be written."""
    why = error.strerror or str(error)
    return refuse(
        "file_unwritable",
        f"The server cannot write {path.name} in its data folder: {why}.",
        f"服务器无法在数据目录中写入 {path.name}：{why}。",
        kind="unavailable",
    )


def hide_folder(text: str, folder: str) -> str:
    """The text with the names of files alone, where it names some in the folder of a job."""
    for inner in (*(f"given/{part}/" for part in PARTS), ""):
        text = text.replace(f"{folder}/{inner}", "")
    return text
