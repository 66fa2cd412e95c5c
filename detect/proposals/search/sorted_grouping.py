"""Grouping as OpenCV does it, all pairs sorted at every merge by an unstable sort.

Only so do equal similarities come in the same order. It takes time by the square of the regions.
"""

import numpy as np

from detect.proposals.search.compiled import compiled
from detect.proposals.search.similarity import (
    Floats,
    Ints,
    State,
    first_similarities,
    merge,
    similarities,
)
from detect.proposals.search.sorting import std_sort


@compiled
def group_sorted(state: State, firsts: Ints, seconds: Ints) -> tuple[Ints, Ints]:
    """Return the boxes (R + merges, 4) in order of making, and what was merged (merges, 2)."""
    count, left = len(state.sizes), len(firsts)
    made, pairs_merged = np.empty((2 * count, 4), np.int32), np.empty((count, 2), np.int32)
    made[:count] = state.boxes
    # A region is named by its place among all that were made; `numbers` says where its values are.
    numbers = np.arange(2 * count).astype(np.int32)
    keys = first_similarities(state, firsts, seconds)
    pairs = np.arange(left).astype(np.int32)
    seen = np.full(2 * count, -1, np.int32)
    others, free = np.empty(left, np.int32), np.empty(left, np.int32)
    total = count
    while left > 0:
        std_sort(keys[:left], pairs[:left])
        left -= 1
        merged = firsts[pairs[left]], seconds[pairs[left]]
        pairs_merged[total - count, 0], pairs_merged[total - count, 1] = merged
        kept = merge(state, numbers[merged[0]], numbers[merged[1]])
        numbers[total] = kept
        made[total] = state.boxes[kept]
        left, found = _take(
            keys[:left], pairs[:left], firsts, seconds, merged, seen, total, others, free
        )
        values = similarities(state, kept, numbers[others[:found]])
        for i in range(found):
            firsts[free[i]], seconds[free[i]] = total, others[i]
            keys[left + i], pairs[left + i] = values[i], free[i]
        left += found
        total += 1
    return made[:total].copy(), pairs_merged[: total - count].copy()


@compiled
def _take(
    keys: Floats,
    pairs: Ints,
    firsts: Ints,
    seconds: Ints,
    merged: tuple[int, int],
    seen: Ints,
    mark: int,
    others: Ints,
    free: Ints,
) -> tuple[int, int]:
    """Take out the pairs of the `merged`; write their neighbours to `others`, pairs to `free`.

    Returns how many pairs stay, in their order, and how many neighbours there are.
    """
    stay = found = freed = 0
    for place in range(len(pairs)):
        pair = pairs[place]
        one, two = firsts[pair], seconds[pair]
        if one not in merged and two not in merged:
            keys[stay], pairs[stay] = keys[place], pair
            stay += 1
            continue
        other = two if one in merged else one
        free[freed] = pair
        freed += 1
        if seen[other] != mark:
            seen[other] = mark
            others[found] = other
            found += 1
    return stay, found
