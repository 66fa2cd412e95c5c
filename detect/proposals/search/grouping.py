"""Hierarchical grouping: the two most similar neighbours become one, until one is left.

Uijlings et al. algorithm 1. The most similar pair is found in a tournament tree over the pairs: a
merge costs the similarities to its neighbours, and memory grows with the regions. Equal
similarities are taken as OpenCV takes them (sorted_grouping.py).
"""

from typing import NamedTuple

import numpy as np

from detect.proposals.search.compiled import compiled
from detect.proposals.search.regions import Regions
from detect.proposals.search.similarity import (
    Floats,
    Ints,
    Measures,
    State,
    begin,
    first_similarities,
    merge,
    similarities,
)
from detect.proposals.search.sorted_grouping import group_sorted

# Of a segmentation whose equal similarities are taken in OpenCV's order: that takes time by the
# square, a fifth of a second here.
MOST_PAIRS = 10_000
_GONE = -1  # similarity of a pair that is no more


def group(regions: Regions, measures: Measures) -> tuple[Ints, Ints, bool]:
    """Return the boxes (R + merges, 4) of the hierarchy in order of making, and what was merged.

    `merged` (merges, 2) are places among the boxes. Also whether equal similarities were met; with
    more than MOST_PAIRS pairs the first of them is taken first.
    """
    exact = len(regions.firsts) <= MOST_PAIRS
    firsts, seconds = regions.firsts, regions.seconds
    boxes, merged, tied = _group(begin(regions, measures), firsts.copy(), seconds.copy(), exact)
    if tied and exact:
        boxes, merged = group_sorted(begin(regions, measures), firsts.copy(), seconds.copy())
    return boxes, merged, tied


class _Pairs(NamedTuple):
    """The neighbours left, and where to find them.

    `keys` similarities; `tree` of a tournament, node n above 2n and 2n + 1, the winner at 1, the
    pairs from half its length on; `heads` (R,) and `following` (2 E,) link the halves, 2 pair +
    side, that a region is in.
    """

    firsts: Ints
    seconds: Ints
    keys: Floats
    tree: Ints
    heads: Ints
    following: Ints


@compiled
def _group(
    state: State, firsts: Ints, seconds: Ints, stop_at_ties: bool
) -> tuple[Ints, Ints, bool]:
    """Return what `group` does of the hierarchy; the first ties end it if told."""
    count = len(state.sizes)
    made, merged = np.empty((2 * count, 4), np.int32), np.empty((count, 2), np.int32)
    made[:count] = state.boxes
    # A region keeps its place among the values; `places` says where its box is among the made.
    places = np.arange(count).astype(np.int32)
    pairs = _link(state, firsts, seconds)
    seen = np.full(count, -1, np.int32)
    halves, others = np.empty(len(firsts), np.int32), np.empty(len(firsts), np.int32)
    total, tied = count, False
    while pairs.keys[pairs.tree[1]] != _GONE:
        tied = tied or _is_tied(pairs)
        if tied and stop_at_ties:
            break
        best = int(pairs.tree[1])
        a, b = firsts[best], seconds[best]
        kept = merge(state, a, b)
        made[total] = state.boxes[kept]
        merged[total - count, 0], merged[total - count, 1] = places[a], places[b]
        places[kept] = total
        _set_key(pairs, best, np.float32(_GONE))
        found = _collect(pairs, (a, b), total, seen, halves, others)
        _put_back(pairs, kept, halves[:found], similarities(state, kept, others[:found]))
        total += 1
    return made[:total].copy(), merged[: total - count].copy(), tied


@compiled
def _link(state: State, firsts: Ints, seconds: Ints) -> _Pairs:
    """Return the pairs with their similarities, linked."""
    leaves = 1
    while leaves <= len(firsts):
        leaves *= 2
    keys = np.full(leaves, _GONE, np.float32)
    keys[: len(firsts)] = first_similarities(state, firsts, seconds)
    tree = np.empty(2 * leaves, np.int32)
    tree[leaves:] = np.arange(leaves)
    heads = np.full(len(state.sizes), -1, np.int32)
    following = np.empty(2 * len(firsts), np.int32)
    pairs = _Pairs(firsts, seconds, keys, tree, heads, following)
    for node in range(leaves - 1, 0, -1):
        _play(pairs, node)
    for pair in range(len(firsts)):
        for side, region in enumerate((firsts[pair], seconds[pair])):
            _hang(pairs, region, 2 * pair + side)
    return pairs


@compiled
def _hang(pairs: _Pairs, region: int, half: int) -> None:
    pairs.following[half], pairs.heads[region] = pairs.heads[region], half


@compiled
def _play(pairs: _Pairs, node: int) -> None:
    """Put the more similar of the two below at `node`; of equals the first pair."""
    left, right = pairs.tree[2 * node], pairs.tree[2 * node + 1]
    pairs.tree[node] = right if pairs.keys[right] > pairs.keys[left] else left


@compiled
def _set_key(pairs: _Pairs, pair: int, key: np.float32) -> None:
    """Give `pair` another similarity, and play its matches again."""
    pairs.keys[pair] = key
    node = (len(pairs.keys) + pair) // 2
    while node > 0:
        _play(pairs, node)
        node //= 2


@compiled
def _is_tied(pairs: _Pairs) -> bool:
    """Tell whether another pair is as similar as the winner."""
    best = pairs.tree[1]
    node = len(pairs.keys) + best
    while node > 1:
        if pairs.keys[pairs.tree[node ^ 1]] == pairs.keys[best]:
            return True
        node //= 2
    return False


@compiled
def _collect(
    pairs: _Pairs, merged: tuple[int, int], mark: int, seen: Ints, halves: Ints, others: Ints
) -> int:
    """Write the neighbours of the `merged` to `others`, once each, with the halves beside them.

    The second pair with a neighbour of both goes. Returns how many there are; `mark` is new.
    """
    found = 0
    for region in merged:
        half = pairs.heads[region]
        while half >= 0:
            pair = half >> 1
            if pairs.keys[pair] != _GONE:
                other = pairs.firsts[pair] if half & 1 else pairs.seconds[pair]
                if seen[other] == mark:
                    _set_key(pairs, pair, np.float32(_GONE))
                else:
                    seen[other] = mark
                    halves[found], others[found] = half, other
                    found += 1
            half = pairs.following[half]
    return found


@compiled
def _put_back(pairs: _Pairs, region: int, halves: Ints, keys: Floats) -> None:
    """Make `region` the owner of the `halves`, with the similarities `keys` to their others."""
    pairs.heads[region] = -1
    for i in range(len(halves)):
        pair = halves[i] >> 1
        if halves[i] & 1:
            pairs.seconds[pair] = region
        else:
            pairs.firsts[pair] = region
        _hang(pairs, region, halves[i])
        _set_key(pairs, pair, keys[i])
