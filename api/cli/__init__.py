"""The command line `wangge`: the same functions as the server, for files."""

from api.cli.program import main

__all__ = ["main"]
