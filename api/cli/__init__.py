"""The command line `wangge`: the same functions as the server, for files."""

from api.collector import calm

__all__ = ["main"]


def main() -> None:
    """Run the command that was typed."""
    calm()  # before the program is loaded: nothing of it is garbage, and to look took a tenth of a short command
    from api.cli.program import main as run

    run()
