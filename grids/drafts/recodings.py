"""What an edit of divisions does to prefixes: which ones are others now, and which ones have lost ground."""

from collections.abc import Mapping
from dataclasses import dataclass

from grids.edits.value import DIVISIONS, UNITS, Edit
from grids.profiles import CodeProfile


@dataclass(frozen=True, slots=True)
class Recoding:
    """`moved` are codes and what they became, with all that begins with them.

    `lost` are codes of divisions from which ground went to the divisions of the same level that are named.
    """

    moved: Mapping[str, str]
    lost: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, edit: Edit, profile: CodeProfile) -> "Recoding":
        """From the codes of units and divisions before and after."""
        later = {each.key: each.code for each in edit.begun}
        pairs = {
            each.code: later[each.key]
            for each in edit.ended
            if each.layer in (UNITS, DIVISIONS) and later.get(each.key, each.code) != each.code
        }
        codes = set(pairs)
        moved: dict[str, str] = {}
        lost: dict[str, set[str]] = {}
        for old, new in sorted(pairs.items()):
            above = [code for _, code in profile.ancestors(old)]
            follows = next((code for code in above if code in moved), None)
            if follows is not None and new == moved[follows] + old[len(follows) :]:
                continue  # it went with what holds it
            moved[old] = new
            for code in above:
                if not new.startswith(code) and code not in codes:
                    lost.setdefault(code, set()).add(new[: len(code)])
        return cls(moved, {code: tuple(sorted(heirs)) for code, heirs in lost.items()})

    def owners(self, profile: CodeProfile) -> tuple[str, ...]:
        """The codes of divisions that are concerned, before, without those that lie in another of them."""
        found: list[str] = []
        for code in sorted(code for code in {*self.moved, *self.lost} if profile.is_division_code(code)):
            if not found or not code.startswith(found[-1]):
                found.append(code)
        return tuple(found)

    def new_code(self, code: str) -> str | None:
        """What a code became, None where it or what it begins with did not move."""
        for length in range(len(code), 0, -1):
            if code[:length] in self.moved:
                return self.moved[code[:length]] + code[length:]
        return None

    def concerns(self, code: str) -> bool:
        """Whether a prefix moved, or lost ground."""
        return code in self.lost or self.new_code(code) is not None
