"""Felzenszwalb and Huttenlocher's graph segmentation, the segments of OpenCV's.

Efficient Graph-Based Image Segmentation, IJCV 2004; details of OpenCV's graphsegmentation.cpp.
There every edge stands twice. Once is enough: one that does not join two components joins them at
no later time. While components grow, the order of edges of one weight does not matter either: those
that may grow at a weight all do. It matters where small ones are joined; where it decides there,
edges are sorted as OpenCV's are (sorting.py).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled
from detect.proposals.search.sorting import radix_sort, std_sort

Labels = NDArray[np.int32]
_Ints = NDArray[np.int32]
_Floats = NDArray[np.float32]


class EdgeGraph:
    """The pixels of an image as a graph: edges to the right and below, sorted once for every k."""

    def __init__(self, image: NDArray[np.uint8], sigma: float) -> None:
        """Blur `image` (H, W, C) by a Gaussian of `sigma` px, and weigh and sort its edges."""
        self.size = image.shape[:2]
        blurred = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma, sigmaY=sigma)
        self._weights = _weigh(np.asarray(blurred, np.float32).reshape(*self.size, -1))
        self._sorted = radix_sort(self._weights)
        self._as_opencv: tuple[_Floats, _Ints] | None = None
        self.ties = 0

    def segment(self, k: float, smallest: int) -> Labels:
        """Return the label of every pixel (H, W), from 0 in order of appearance."""
        height, width = self.size
        labels, tied = _segment(*self._sorted, height, width, k, smallest)
        if tied:
            self.ties += 1
            if self._as_opencv is None:
                self._as_opencv = _as_opencv(self._weights, height, width)
            labels, _ = _segment(*self._as_opencv, height, width, k, smallest)
        return labels.reshape(height, width)


@compiled
def _weigh(image: _Floats) -> _Floats:
    """`image` (H, W, C) -> weights (2 H W,): of each pixel to the right, and down; none: inf."""
    height, width, channels = image.shape
    weights = np.full(2 * height * width, np.inf, np.float32)
    for y in range(height):
        for x in range(width):
            for down in range(2):
                y2, x2 = y + down, x + 1 - down
                if y2 < height and x2 < width:
                    total = np.float32(0)
                    for c in range(channels):
                        difference = image[y, x, c] - image[y2, x2, c]
                        total += difference * difference
                    weights[2 * (y * width + x) + down] = np.sqrt(total)
    return weights


@compiled
def _as_opencv(weights: _Floats, height: int, width: int) -> tuple[_Floats, _Ints]:
    """Return weights and edges as OpenCV sorts them, each twice: from both of its pixels."""
    keys = np.empty(4 * height * width, np.float32)
    edges = np.empty(4 * height * width, np.int32)
    count = 0
    for y in range(height):
        for x in range(width):
            pixel = y * width + x
            for turn in range(4):
                if turn == 0 and y > 0:
                    edge = 2 * (pixel - width) + 1
                elif turn == 1 and x > 0:
                    edge = 2 * (pixel - 1)
                elif turn == 2 and y + 1 < height:
                    edge = 2 * pixel + 1
                elif turn == 3 and x + 1 < width:
                    edge = 2 * pixel
                else:
                    continue
                keys[count], edges[count] = weights[edge], edge
                count += 1
    keys, edges = keys[:count], edges[:count]
    std_sort(keys, edges)
    return keys, edges


@compiled
def _root(parents: _Ints, pixel: int) -> int:
    """Return the root of the component of `pixel`; `parents` of a root is minus its size."""
    while parents[pixel] >= 0:
        above = parents[pixel]
        if parents[above] >= 0:
            parents[pixel] = parents[above]
        pixel = above
    return pixel


@compiled
def _join(parents: _Ints, a: int, b: int) -> int:
    """Join the components with roots `a` and `b` and return the root of both."""
    if parents[a] > parents[b]:
        a, b = b, a
    parents[a] += parents[b]
    parents[b] = a
    return a


@compiled
def _segment(
    weights: _Floats, edges: _Ints, height: int, width: int, k: float, smallest: int
) -> tuple[_Ints, bool]:
    """`weights` ascending, `edges` -> labels (H W,), and whether the order of equals decided."""
    parents = np.full(height * width, -1, np.int32)
    between = _grow(weights, edges, width, np.float32(k), parents)
    tied = _join_small(weights, edges, between, width, smallest, parents)
    return _number(parents), tied


@compiled
def _grow(weights: _Floats, edges: _Ints, width: int, k: np.float32, parents: _Ints) -> _Ints:
    """Join components across edges no heavier than within them; return places of the others."""
    thresholds = np.full(len(parents), k, np.float32)
    between = np.empty(len(edges), np.int32)
    count = 0
    for place in range(len(edges)):
        weight, edge = weights[place], edges[place]
        if weight == np.inf:
            break
        a, b = _ends(edge, width, parents)
        if a == b:
            continue
        if weight <= thresholds[a] and weight <= thresholds[b]:
            a = _join(parents, a, b)
            thresholds[a] = weight + k / np.float32(-parents[a])
        else:
            between[count] = place
            count += 1
    return between[:count]


@compiled
def _ends(edge: int, width: int, parents: _Ints) -> tuple[int, int]:
    """Return the roots of the two pixels of `edge`."""
    pixel = edge >> 1
    return _root(parents, pixel), _root(parents, pixel + (width if edge & 1 else 1))


@compiled
def _join_small(
    weights: _Floats, edges: _Ints, between: _Ints, width: int, smallest: int, parents: _Ints
) -> bool:
    """Join components of fewer than `smallest` px to a neighbour, the nearest first.

    Returns whether the order of edges of one weight may have decided any of it.
    """
    partners = np.empty(len(parents), np.int32)
    groups = np.full(len(parents), -1, np.int32)
    tied = False
    start = 0
    while start < len(between):
        end = start + 1
        while end < len(between) and weights[between[end]] == weights[between[start]]:
            end += 1
        chosen = edges[between[start:end]]
        if end > start + 1 and not tied:
            tied = _order_decides(chosen, width, smallest, parents, partners, groups, end)
        for edge in chosen:
            a, b = _ends(edge, width, parents)
            if a != b and (-parents[a] < smallest or -parents[b] < smallest):
                _join(parents, a, b)
        start = end
    return tied


@compiled
def _order_decides(
    edges: _Ints,
    width: int,
    smallest: int,
    parents: _Ints,
    partners: _Ints,
    groups: _Ints,
    group: int,
) -> bool:
    """Tell whether the order of `edges`, all of one weight, may decide which of them join.

    It cannot where each has an end that is small and meets only one other component: that end
    stays small until it is joined.
    """
    for edge in edges:
        a, b = _ends(edge, width, parents)
        if a != b and (-parents[a] < smallest or -parents[b] < smallest):
            for one, other in ((a, b), (b, a)):
                if groups[one] != group:
                    groups[one], partners[one] = group, other
                elif partners[one] != other:
                    partners[one] = -1
    for edge in edges:
        a, b = _ends(edge, width, parents)
        if a != b and (-parents[a] < smallest or -parents[b] < smallest):
            waits = (-parents[a] < smallest and partners[a] >= 0) or (
                -parents[b] < smallest and partners[b] >= 0
            )
            if not waits:
                return True
    return False


@compiled
def _number(parents: _Ints) -> _Ints:
    """Return the label of every pixel: its component's number, by first appearance."""
    numbers = np.full(len(parents), -1, np.int32)
    labels = np.empty(len(parents), np.int32)
    count = 0
    for pixel in range(len(parents)):
        root = _root(parents, pixel)
        if numbers[root] < 0:
            numbers[root] = count
            count += 1
        labels[pixel] = numbers[root]
    return labels
