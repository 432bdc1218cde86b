"""The edition of the standard that a class belongs to, under one short id however it is written."""

import re
from collections.abc import Mapping
from types import MappingProxyType

EDITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "2026": ("GB/T 47678.5-2026", "GB/T 47678-2026", "GB/T 47678.5", "GB/T 47678"),
        "2013": ("GB/T 30428.2-2013", "GB/T 30428-2013", "GB/T 30428.2", "GB/T 30428"),
    }
)
"""Edition id -> the names under which the standard is cited. Every other edition is free text of its owner."""

_DASHES = re.compile(r"[‐‑‒–—―－−]")


def _bare(text: str) -> str:
    return "".join(_DASHES.sub("-", text).split()).casefold().replace("／", "/")


_IDS = {_bare(name): edition for edition, names in EDITIONS.items() for name in (edition, *names)}


def normalise_edition(text: str) -> str:
    """The id "2026" or "2013" for any citation of these standards; any other text as it is, without outer blanks.

    Case, blanks and the kind of dash do not matter ("gb/t47678.5—2026" is "2026").
    """
    return _IDS.get(_bare(text), text.strip())


CURRENT = "2026"


def title(edition: str) -> str:
    """The citation of an edition, or its own text."""
    return EDITIONS[edition][0] if edition in EDITIONS else edition
