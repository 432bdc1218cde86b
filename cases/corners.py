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
class Deciding:
    """How a case is decided: by which key, what verdict, and the area layers that its rules look at in a place."""

    key: Callable[[Place, Asset | None], Hashable]
    verdict: Callable[[Place, Asset | None], Verdict]
    layers: Callable[[Place], Sequence[str]]
    both: Both


def beyond_corners(place: Place, near: Sequence[Variation], asset: Asset | None, how: Deciding) -> tuple[Other, ...]:
    """The departments beyond two boundaries at once, or beyond one if another component is meant; the nearest first.

    `near` are the boundaries within the accuracy. One beyond which nothing is otherwise that rules look at is passed
    over, and of several that lead to the same the nearest is taken. `distance_m` is that of the farther of the two.
    """
    own = how.key(place, asset)
    layers = set(how.layers(place)).union(*(how.layers(each.place) for each in near if each.layer is None))
    steps: dict[Hashable, Variation] = {}
    for each in sorted(near, key=lambda each: each.distance_m):
        key = how.key(each.place, asset)
        if each.layer is not None:
            held = each.place.areas[each.layer]
            key = own if each.layer not in layers or held == place.areas.get(each.layer) else (each.layer, held)
        if key != own:
            steps.setdefault(key, each)
    nearest = list(steps.values())[:MOST_STEPS]
    found = []
    for first, second in combinations(nearest, 2):
        if (there := how.both(first, second)) is not None:
            found.append((second.distance_m, how.verdict(there, asset)))
    for rival in asset.rivals if asset is not None and not asset.named else ():
        if how.key(place, rival) != own:
            found += [(each.distance_m, how.verdict(each.place, rival)) for each in nearest]
    others = [
        Other(verdict.department, verdict.rule, "near_boundary", distance_m=metres)
        for metres, verdict in found
        if verdict.rule is not None and verdict.department is not None
    ]
    return tuple(sorted(others, key=lambda each: (each.distance_m, each.department, each.rule.code)))
