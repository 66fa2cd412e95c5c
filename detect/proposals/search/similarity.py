"""How similar two regions are, and what two become that are merged.

Uijlings et al. section 3.2 in the arithmetic of OpenCV's: single precision, sums from the first bin
to the last.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled
from detect.proposals.search.regions import Regions

Measures = tuple[bool, bool, bool, bool]  # colour, texture, size, fill
Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
# OpenCV's for so many measures; it divides by their sum.
_WEIGHTS = {1: 1.0, 2: 0.5, 3: 0.3333, 4: 0.25}


class State(NamedTuple):
    """The regions as they are merged, and what they are compared by; otherwise as Regions."""

    sizes: Ints
    boxes: Ints
    colours: Floats
    textures: Floats
    pixels: int
    measures: Measures
    weight: np.float32


def begin(regions: Regions, measures: Measures) -> State:
    """Return the state before the first merge, of copies."""
    return State(
        regions.sizes.copy(),
        regions.boxes.copy(),
        regions.colours.copy(),
        regions.textures.copy(),
        regions.pixels,
        measures,
        np.float32(_WEIGHTS[sum(measures)]),
    )


@compiled
def similarities(state: State, region: int, others: Ints) -> Floats:
    """Return the similarity (n,) of `region` to each of `others` (n,)."""
    colour, texture, size, fill = state.measures
    out = np.zeros(len(others), np.float32)
    if colour:
        _add_common(state.colours, region, others, state.weight, out)
    if texture:
        _add_common(state.textures, region, others, state.weight, out)
    if size:
        _add_size(state, region, others, out)
    if fill:
        _add_fill(state, region, others, out)
    total = np.float32(0)
    for measure in state.measures:
        if measure:
            total += state.weight
    for i in range(len(others)):
        out[i] /= total
    return out


@compiled
def _add_common(
    histograms: Floats, region: int, others: Ints, weight: np.float32, out: Floats
) -> None:
    """Add what the histogram of `region` has in common with that of each of `others`."""
    one, last = histograms[region], len(others) - 1
    for start in range(0, len(others), 4):
        a, b = histograms[others[start]], histograms[others[min(start + 1, last)]]
        c, d = histograms[others[min(start + 2, last)]], histograms[others[min(start + 3, last)]]
        of_a = of_b = of_c = of_d = np.float32(0)
        for i in range(len(one)):  # four sums side by side, each from the first bin to the last
            of_a += min(one[i], a[i])
            of_b += min(one[i], b[i])
            of_c += min(one[i], c[i])
            of_d += min(one[i], d[i])
        sums = (of_a, of_b, of_c, of_d)
        for i in range(min(4, len(others) - start)):
            out[start + i] += weight * sums[i]


@compiled
def _left(used: int, pixels: int) -> np.float32:
    """Return the share of `pixels` that is not used, 0 to 1."""
    share = np.float32(1) - np.float32(used) / np.float32(pixels)
    return max(min(share, np.float32(1)), np.float32(0))


@compiled
def _add_size(state: State, region: int, others: Ints, out: Floats) -> None:
    """Add more the smaller both are."""
    for i in range(len(others)):
        both = state.sizes[region] + state.sizes[others[i]]
        out[i] += state.weight * _left(both, state.pixels)


@compiled
def _add_fill(state: State, region: int, others: Ints, out: Floats) -> None:
    """Add more the better both fill the box round them."""
    one = state.boxes[region]
    for i in range(len(others)):
        two = state.boxes[others[i]]
        across = max(one[2], two[2]) - min(one[0], two[0])
        down = max(one[3], two[3]) - min(one[1], two[1])
        empty = across * down - state.sizes[region] - state.sizes[others[i]]
        out[i] += state.weight * _left(empty, state.pixels)


@compiled
def first_similarities(state: State, firsts: Ints, seconds: Ints) -> Floats:
    """Return the similarity (E,) of each pair; `firsts` (E,) ascend."""
    out = np.empty(len(firsts), np.float32)
    start = 0
    for end in range(1, len(firsts) + 1):
        if end == len(firsts) or firsts[end] != firsts[start]:
            out[start:end] = similarities(state, firsts[start], seconds[start:end])
            start = end
    return out


@compiled
def merge(state: State, a: int, b: int) -> int:
    """Merge regions `a` and `b` into the one with the smaller number, which is returned."""
    kept, sizes, boxes = min(a, b), state.sizes, state.boxes
    of_a, of_b = np.float32(sizes[a]), np.float32(sizes[b])
    of_both = np.float32(sizes[a] + sizes[b])
    for histograms in (state.colours, state.textures):
        for i in range(histograms.shape[1]):
            both = histograms[a, i] * of_a + histograms[b, i] * of_b
            histograms[kept, i] = both / of_both
    sizes[kept] = sizes[a] + sizes[b]
    for side in range(2):
        boxes[kept, side] = min(boxes[a, side], boxes[b, side])
        boxes[kept, 2 + side] = max(boxes[a, 2 + side], boxes[b, 2 + side])
    return kept
