"""What is going on, for those who wait: a line that changes in a terminal, else a line for each step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.status import Status

console = Console(stderr=True, highlight=False)
_open: list[tuple[str, Status | None]] = []


@contextmanager
def telling(name: str) -> Iterator[None]:
    """While this is open, steps are told as those of `name`."""
    console.print(f"[bold]{name}[/bold]")
    status = console.status("") if console.is_terminal else None
    _open.append((name, status))
    try:
        if status is not None:
            status.start()
        yield
    finally:
        if status is not None:
            status.stop()
        _open.pop()


def tell(step: str) -> None:
    """The step that begins now. Says nothing where nobody waits."""
    if not _open:
        return
    _, status = _open[-1]
    if status is None:
        console.print(f"  {step}", markup=False, soft_wrap=True)
    else:
        status.update(step)


def last_line(said: IO[str]) -> str:
    """The last line of what a program has said into a file: where it failed, the reason."""
    said.seek(0)
    lines = [line.strip() for line in said if line.strip()]
    return lines[-1] if lines else "it said nothing"
