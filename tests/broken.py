"""Coverages broken at random, in the ways that editing and delivering break them."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray


def broken(polygons: NDArray[Any], random: np.random.Generator, most: int = 5) -> NDArray[Any]:
    """A copy with up to `most` polygons broken: nodes moved, lost, doubled or put in, shifted, swapped, emptied."""
    found = polygons.copy()
    for k in random.integers(0, len(found), random.integers(0, most + 1)).tolist():
        if found[k] is not None and found[k].geom_type == "Polygon" and shapely.get_num_coordinates(found[k]) >= 6:
            found[k] = WAYS[random.integers(len(WAYS))](found, k, random)
    return found


def _redrawn(nodes: NDArray[Any]) -> shapely.Polygon:
    return shapely.Polygon(np.round(nodes, 11))


def _nodes(polygons: NDArray[Any], k: int) -> NDArray[Any]:
    return shapely.get_coordinates(polygons[k])[:-1].copy()


def _step(random: np.random.Generator) -> NDArray[Any]:
    return random.uniform(-1, 1, 2) * 10.0 ** -random.integers(4, 9)


def _move_node(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    nodes = _nodes(polygons, k)
    nodes[random.integers(len(nodes))] += _step(random)
    return _redrawn(nodes)


def _lose_node(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    nodes = _nodes(polygons, k)
    return _redrawn(np.delete(nodes, random.integers(len(nodes)), axis=0))


def _double_node(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    nodes = _nodes(polygons, k)
    at = int(random.integers(len(nodes)))
    return _redrawn(np.insert(nodes, at, nodes[at], axis=0))


def _put_node(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    nodes = _nodes(polygons, k)
    at = int(random.integers(len(nodes)))
    return _redrawn(np.insert(nodes, at, (nodes[at] + nodes[at - 1]) / 2, axis=0))


def _swap_nodes(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    nodes = _nodes(polygons, k)
    one, other = random.integers(0, len(nodes), 2)
    nodes[[one, other]] = nodes[[other, one]]
    return _redrawn(nodes)


def _shift(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    return _redrawn(_nodes(polygons, k) + _step(random))


def _repeat_another(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    return polygons[random.integers(len(polygons))]


def _empty(polygons: NDArray[Any], k: int, random: np.random.Generator) -> Any:
    return shapely.Polygon()


WAYS = (_move_node, _lose_node, _double_node, _put_node, _swap_nodes, _shift, _repeat_another, _empty)
