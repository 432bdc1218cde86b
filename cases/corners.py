"""What it might be where two boundaries come together: near a corner the true position may lie beyond both of them."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

from cases.situation import Asset, Place, Variation
from cases.verdict import Other, Verdict

MOST_STEPS = 8
"""How many of the nearest boundaries that change something are taken two at a time."""

Both = Callable[[Variation, Variation], Place | None]
"""The place beyond two boundaries, None where there is none."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A situation asked about: the area layers that its rules look at, what decides of it, and the verdict."""

    layers: tuple[str, ...]
    key: Hashable
    verdict: Verdict


Beyond = tuple[Variation, Asked]
"""A boundary, and what was asked beyond it."""


def beyond_corners(
    place: Place,
    here: Asked,
    beyond: Sequence[Beyond],
    asset: Asset | None,
    ask: Callable[[Place, Asset | None], Asked],
    both: Both,
) -> tuple[Other, ...]:
    """The departments beyond two boundaries at once, or beyond one if another component is meant; the nearest first.

    `beyond` are the boundaries within the accuracy. One beyond which nothing is otherwise that rules look at is passed
    over, and of several that lead to the same the nearest is taken. `distance_m` is that of the farther of the two.
    """
    if not beyond:
        return ()
    layers = set(here.layers).union(*(there.layers for each, there in beyond if each.layer is None))
    steps: dict[Hashable, Variation] = {}
    for each, there in sorted(beyond, key=lambda pair: pair[0].distance_m):
        key = there.key
        if each.layer is not None:
            held = each.place.areas[each.layer]
            key = here.key if each.layer not in layers or held == place.areas.get(each.layer) else (each.layer, held)
        if key != here.key:
            steps.setdefault(key, each)
    nearest = list(steps.values())[:MOST_STEPS]
    found = []
    for first, second in combinations(nearest, 2):
        if (corner := both(first, second)) is not None:
            found.append((second.distance_m, ask(corner, asset).verdict))
    for rival in asset.rivals if nearest and asset is not None and not asset.named else ():
        found += [(each.distance_m, ask(each.place, rival).verdict) for each in nearest]
    others = [
        Other(verdict.department, verdict.rule, "near_boundary", distance_m=metres)
        for metres, verdict in found
        if verdict.rule is not None and verdict.department is not None
    ]
    return tuple(sorted(others, key=lambda each: (each.distance_m, each.department, each.rule.code)))
