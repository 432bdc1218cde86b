"""What is going on, for those who wait: a line that changes in a terminal, else a line for each step."""

from collections.abc import Iterator
from contextlib import contextmanager

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
