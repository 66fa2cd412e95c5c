"""Felzenszwalb and Huttenlocher's graph segmentation, the segments of OpenCV's.

Efficient Graph-Based Image Segmentation, IJCV 2004; details of OpenCV's graphsegmentation.cpp. There
every edge stands twice; once is enough: an edge that does not join two components joins them at no
later time. While components grow, the order of edges of one weight does not matter either: those
that may grow at a weight all do. It matters where the small ones are joined; where it decides
there, edges are sorted as OpenCV's are (sorting.py).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.compiled import compiled
from detect.proposals.search.sorting import radix_order, std_sort

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
        self._order = radix_order(self._weights)
        self._as_opencv: _Ints | None = None
        self.ties = 0

    def segment(self, k: float, smallest: int) -> Labels:
        """Return the label of every pixel (H, W), from 0 in order of appearance."""
        height, width = self.size
        labels, tied = _segment(self._weights, self._order, height, width, k, smallest)
        if tied:
            self.ties += 1
            if self._as_opencv is None:
                self._as_opencv = _opencv_order(self._weights, height, width)
            labels, _ = _segment(self._weights, self._as_opencv, height, width, k, smallest)
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
def _opencv_order(weights: _Floats, height: int, width: int) -> _Ints:
    """Return the edges in OpenCV's order, each twice: up, left, down, right of every pixel."""
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
    std_sort(keys, edges, count)
    return edges[:count].copy()


@compiled
def _root(parents: _Ints, pixel: int) -> int:
    while parents[pixel] != pixel:
        parents[pixel] = parents[parents[pixel]]
        pixel = parents[pixel]
    return pixel


@compiled
def _join(parents: _Ints, sizes: _Ints, a: int, b: int) -> int:
    """Join the components with roots `a` and `b` and return the root of both."""
    if sizes[a] < sizes[b]:
        a, b = b, a
    parents[b] = a
    sizes[a] += sizes[b]
    return a


@compiled
def _segment(
    weights: _Floats, order: _Ints, height: int, width: int, k: float, smallest: int
) -> tuple[_Ints, bool]:
    """Return labels (H W,), and whether the order of edges of one weight decided any."""
    pixels = height * width
    parents = np.arange(pixels).astype(np.int32)
    sizes = np.ones(pixels, np.int32)
    between = _grow(weights, order, width, np.float32(k), parents, sizes)
    tied = _join_small(weights, between, width, smallest, parents, sizes)
    return _number(parents), tied


@compiled
def _grow(
    weights: _Floats, order: _Ints, width: int, k: np.float32, parents: _Ints, sizes: _Ints
) -> _Ints:
    """Join components across edges no heavier than within them; return the edges not joined."""
    thresholds = np.full(len(parents), k, np.float32)
    between = np.empty(len(order), np.int32)
    count = 0
    for edge in order:
        weight = weights[edge]
        if weight == np.inf:
            break
        pixel = edge >> 1
        a = _root(parents, pixel)
        b = _root(parents, pixel + (width if edge & 1 else 1))
        if a == b:
            continue
        if weight <= thresholds[a] and weight <= thresholds[b]:
            a = _join(parents, sizes, a, b)
            thresholds[a] = weight + k / np.float32(sizes[a])
        else:
            between[count] = edge
            count += 1
    return between[:count].copy()


@compiled
def _join_small(
    weights: _Floats, between: _Ints, width: int, smallest: int, parents: _Ints, sizes: _Ints
) -> bool:
    """Join components of fewer than `smallest` px to a neighbour, the nearest first.

    Returns whether an edge met a component that one of the same weight had changed.
    """
    changed = np.full(len(parents), -1, np.float32)  # the weight at which a root last grew
    tied = False
    for edge in between:
        pixel = edge >> 1
        a = _root(parents, pixel)
        b = _root(parents, pixel + (width if edge & 1 else 1))
        if a == b:
            continue
        weight = weights[edge]
        tied = tied or changed[a] == weight or changed[b] == weight
        if sizes[a] < smallest or sizes[b] < smallest:
            changed[_join(parents, sizes, a, b)] = weight
    return tied


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
