"""Hierarchical grouping: the two most similar neighbours become one, until one is left.

Uijlings et al. algorithm 1 and section 3.2, in the arithmetic of OpenCV's: single precision, sums
from the first bin to the last. The most similar pair is found in a tournament tree over the pairs:
a merge costs the similarities to its neighbours, and memory grows with the regions.
"""

import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled
from detect.proposals.search.regions import Regions
from detect.proposals.search.sorting import std_sort

Measures = tuple[bool, bool, bool, bool]  # colour, texture, size, fill
_Ints = NDArray[np.int32]
_Floats = NDArray[np.float32]
# What helper functions get: sizes, boxes, colours, textures, pixels, measures, weight.
MOST_PAIRS = 20_000


def group(regions: Regions, measures: Measures) -> tuple[_Ints, bool]:
    """Return the boxes (R + merges, 4) of the hierarchy in order of making.

    Also whether equal similarities were met; they are taken in OpenCV's order while there are at
    most MOST_PAIRS pairs, as that order costs time by the square, else the first pair first.
    """
    weight = np.float32({1: 1.0, 2: 0.5, 3: 0.3333, 4: 0.25}[sum(measures)])
    pairs = len(regions.firsts)
    boxes, tied = _group(*_state(regions), regions.pixels, measures, weight, pairs <= MOST_PAIRS)
    if tied and pairs <= MOST_PAIRS:
        boxes = _group_sorted(*_state(regions), regions.pixels, measures, weight)
    return boxes, tied


def _state(regions: Regions) -> tuple[NDArray[np.generic], ...]:
    """Return copies of what grouping changes."""
    kept = ("firsts", "seconds", "sizes", "boxes", "colours", "textures")
    return tuple(getattr(regions, name).copy() for name in kept)


@compiled
def _common(one: _Floats, others: _Floats, which: _Ints, out: _Floats, weight: np.float32) -> None:
    """Add to `out` (n,) what histogram `one` has in common with each of the rows `which` (n,)."""
    for start in range(0, len(which), 4):
        last = len(which) - 1
        a, b = others[which[start]], others[which[min(start + 1, last)]]
        c, d = others[which[min(start + 2, last)]], others[which[min(start + 3, last)]]
        s, t, u, v = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
        for i in range(len(one)):  # four sums side by side, each in OpenCV's order
            s += min(one[i], a[i])
            t += min(one[i], b[i])
            u += min(one[i], c[i])
            v += min(one[i], d[i])
        out[start] += weight * s
        if start + 1 <= last:
            out[start + 1] += weight * t
        if start + 2 <= last:
            out[start + 2] += weight * u
        if start + 3 <= last:
            out[start + 3] += weight * v


@compiled
def _similarities(region, others, sizes, boxes, colours, textures, pixels, measures, weight):
    """Return the similarity (n,) of `region` to each of `others` (n,)."""
    colour, texture, size, fill = measures
    out = np.zeros(len(others), np.float32)
    if colour:
        _common(colours[region], colours, others, out, weight)
    if texture:
        _common(textures[region], textures, others, out, weight)
    whole, one = np.float32(1), boxes[region]
    total = np.float32(0)
    for measure in measures:
        if measure:
            total += weight
    for i in range(len(others)):
        both = sizes[region] + sizes[others[i]]
        two = boxes[others[i]]
        if size:
            share = whole - np.float32(both) / np.float32(pixels)
            out[i] += weight * max(min(share, whole), np.float32(0))
        if fill:
            across = max(one[2], two[2]) - min(one[0], two[0])
            down = max(one[3], two[3]) - min(one[1], two[1])
            share = whole - np.float32(across * down - both) / np.float32(pixels)
            out[i] += weight * max(min(share, whole), np.float32(0))
        out[i] /= total
    return out


@compiled
def _first_similarities(
    firsts, seconds, sizes, boxes, colours, textures, pixels, measures, weight
):
    out = np.empty(len(firsts), np.float32)
    start = 0
    for end in range(1, len(firsts) + 1):
        if end == len(firsts) or firsts[end] != firsts[start]:
            out[start:end] = _similarities(
                firsts[start], seconds[start:end], sizes, boxes, colours, textures, pixels,
                measures, weight,
            )  # fmt: skip
            start = end
    return out


@compiled
def _merge(a: int, b: int, sizes: _Ints, boxes: _Ints, colours: _Floats, textures: _Floats) -> int:
    """Merge regions `a` and `b` into the one with the smaller number, which is returned."""
    kept = min(a, b)
    for histograms in (colours, textures):
        mine, yours = histograms[a], histograms[b]
        of_a, of_b = np.float32(sizes[a]), np.float32(sizes[b])
        of_both = np.float32(sizes[a] + sizes[b])
        for i in range(len(mine)):
            histograms[kept, i] = (mine[i] * of_a + yours[i] * of_b) / of_both
    sizes[kept] = sizes[a] + sizes[b]
    boxes[kept, 0] = min(boxes[a, 0], boxes[b, 0])
    boxes[kept, 1] = min(boxes[a, 1], boxes[b, 1])
    boxes[kept, 2] = max(boxes[a, 2], boxes[b, 2])
    boxes[kept, 3] = max(boxes[a, 3], boxes[b, 3])
    return kept


@compiled
def _update(tree: _Ints, keys: _Floats, pair: int) -> None:
    """Play the matches of `pair` again up to the root, tree[1]; of equals the first one wins."""
    node = (len(tree) // 2 + pair) // 2
    while node > 0:
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = right if keys[right] > keys[left] else left
        node //= 2


@compiled
def _is_tied(tree: _Ints, keys: _Floats) -> bool:
    """Tell whether another pair is as similar as the winner."""
    best = tree[1]
    node = len(tree) // 2 + best
    while node > 1:
        if keys[tree[node ^ 1]] == keys[best] and tree[node ^ 1] != best:
            return True
        node //= 2
    return False


@compiled
def _group(
    firsts, seconds, sizes, boxes, colours, textures, pixels, measures, weight, stop_at_ties
):
    """Return the boxes of the hierarchy, and whether there were ties; the first ends it if told."""
    pairs, count = len(firsts), len(sizes)
    made = np.empty((2 * count, 4), np.int32)
    made[:count] = boxes
    leaves = 1
    while leaves < pairs + 1:
        leaves *= 2
    keys = np.full(leaves, -1, np.float32)  # of a pair that is no more: -1
    keys[:pairs] = _first_similarities(
        firsts, seconds, sizes, boxes, colours, textures, pixels, measures, weight
    )
    tree = np.empty(2 * leaves, np.int32)
    tree[leaves:] = np.arange(leaves)
    for node in range(leaves - 1, 0, -1):
        left, right = tree[2 * node], tree[2 * node + 1]
        tree[node] = right if keys[right] > keys[left] else left
    heads, following = _lists(firsts, seconds, count)
    seen = np.full(count, -1, np.int32)
    mine, others = np.empty(pairs, np.int32), np.empty(pairs, np.int32)
    total, tied = count, False
    while pairs > 0 and keys[tree[1]] >= 0:
        best = int(tree[1])
        if _is_tied(tree, keys):
            tied = True
            if stop_at_ties:
                break
        a, b = firsts[best], seconds[best]
        kept = _merge(a, b, sizes, boxes, colours, textures)
        made[total] = boxes[kept]
        total += 1
        keys[best] = -1
        _update(tree, keys, best)
        found = 0
        for region in (a, b):
            half = heads[region]
            while half >= 0:
                pair = half >> 1
                if keys[pair] >= 0:
                    other = seconds[pair] if half & 1 == 0 else firsts[pair]
                    if seen[other] == total:
                        keys[pair] = -1
                        _update(tree, keys, pair)
                    else:
                        seen[other] = total
                        mine[found], others[found] = half, other
                        found += 1
                half = following[half]
        heads[kept] = -1
        values = _similarities(
            kept, others[:found], sizes, boxes, colours, textures, pixels, measures, weight
        )
        for i in range(found):
            half, pair = mine[i], mine[i] >> 1
            if half & 1 == 0:
                firsts[pair] = kept
            else:
                seconds[pair] = kept
            following[half], heads[kept] = heads[kept], half
            keys[pair] = values[i]
            _update(tree, keys, pair)
    return made[:total].copy(), tied


@compiled
def _lists(firsts: _Ints, seconds: _Ints, count: int) -> tuple[_Ints, _Ints]:
    """Link the halves (2 pair + side) of the pairs of each region: heads (R,), following (2 E,)."""
    heads = np.full(count, -1, np.int32)
    following = np.empty(2 * len(firsts), np.int32)
    for pair in range(len(firsts)):
        for side, region in enumerate((firsts[pair], seconds[pair])):
            following[2 * pair + side] = heads[region]
            heads[region] = 2 * pair + side
    return heads, following


@compiled
def _group_sorted(firsts, seconds, sizes, boxes, colours, textures, pixels, measures, weight):
    """Return the boxes of the hierarchy, grouped as OpenCV does: all pairs sorted at every merge.

    Only so does the order of equal similarities come out the same.
    """
    count, left = len(sizes), len(firsts)
    made = np.empty((2 * count, 4), np.int32)
    made[:count] = boxes
    # A region is named by its place among all that were made; `numbers` is where its values are.
    numbers = np.arange(2 * count).astype(np.int32)
    keys = _first_similarities(
        firsts, seconds, sizes, boxes, colours, textures, pixels, measures, weight
    )
    pairs = np.arange(left).astype(np.int32)
    seen = np.full(2 * count, -1, np.int32)
    others, free = np.empty(left, np.int32), np.empty(left, np.int32)
    total = count
    while left > 0:
        std_sort(keys[:left], pairs[:left])
        left -= 1
        a, b = firsts[pairs[left]], seconds[pairs[left]]
        kept = _merge(numbers[a], numbers[b], sizes, boxes, colours, textures)
        numbers[total] = kept
        made[total] = boxes[kept]
        found = freed = stay = 0
        for place in range(left):
            pair = pairs[place]
            one, two = firsts[pair], seconds[pair]
            if one in (a, b) or two in (a, b):
                other = two if one in (a, b) else one
                free[freed] = pair
                freed += 1
                if seen[other] != total:
                    seen[other] = total
                    others[found] = other
                    found += 1
            else:
                keys[stay], pairs[stay] = keys[place], pair
                stay += 1
        values = _similarities(
            kept, numbers[others[:found]], sizes, boxes, colours, textures, pixels, measures, weight
        )
        for i in range(found):
            pair = free[i]
            firsts[pair], seconds[pair] = total, others[i]
            keys[stay], pairs[stay] = values[i], pair
            stay += 1
        left = stay
        total += 1
    return made[:total].copy()
