"""What selection begins and ends with: boxes above the threshold, best first, so many a class."""

import numpy as np
from numpy.typing import NDArray

from detect.structures import BoolArray, FloatArray, IntArray

Floats = NDArray[np.floating]
# boxes (K, 4), labels (K,) 0-based foreground, scores (K,): best first
Selected = tuple[FloatArray, IntArray, NDArray[np.float64]]


def candidates(boxes: Floats, probabilities: Floats, threshold: float) -> Selected:
    """`boxes` (N, 4), `probabilities` (N, C+1), background last -> every box of every class.

    Boxes (N, C, 4) are one a class. A box counts once for every class with a probability of at
    least `threshold`. The order does not depend on that of the boxes. Raises ValueError on other
    shapes.
    """
    check_shapes(boxes, probabilities)
    rows, labels = np.nonzero(probabilities[:, :-1] >= np.float32(threshold))
    own = boxes[rows] if boxes.ndim == 2 else boxes[rows, labels]
    return best_first(own, labels, probabilities[rows, labels])


def check_shapes(boxes: Floats, probabilities: Floats) -> None:
    """Raise ValueError unless there are `boxes` (N, 4) or (N, C, 4), `probabilities` (N, C+1)."""
    shape = probabilities.shape
    classes = shape[1] - 1 if probabilities.ndim == 2 else -1
    if classes < 0 or boxes.shape not in ((shape[0], 4), (shape[0], classes, 4)):
        raise ValueError(
            f"expected boxes (N, 4) or (N, C, 4) and probabilities (N, C+1), got {boxes.shape} "
            f"and {shape}"
        )


def best_first(boxes: Floats, labels: IntArray, scores: Floats) -> Selected:
    """Return all by falling score, then label, then x1, y1, x2, y2."""
    order = ranking(boxes, labels, scores)
    chosen = boxes[order].astype(np.float32)
    return chosen, labels[order].astype(np.int64), scores[order].astype(np.float64)


def ranking(boxes: Floats, labels: IntArray, scores: Floats) -> IntArray:
    """Return the places (N,) of all by falling score, then label, then x1, y1, x2, y2."""
    order = np.argsort(-scores, kind="stable")
    # Scores that differ are in order already: sorting by six keys is for the others alone.
    places = np.flatnonzero(_repeated(scores[order]))
    tied = order[places]
    columns = (*boxes[tied].T[::-1], labels[tied], -scores[tied])
    order[places] = tied[np.lexsort(columns)]
    return order


def best_of_each(found: Selected, per_class: int) -> Selected:
    """Return the first `per_class` of every label of `found`."""
    boxes, labels, scores = found
    kept = _ranks(labels) < per_class
    return boxes[kept], labels[kept], scores[kept]


def _ranks(labels: IntArray) -> IntArray:
    """`labels` (N,) -> the place (N,) of each among those of its own label, from 0."""
    order = np.argsort(labels, kind="stable")
    firsts = np.searchsorted(labels[order], labels[order])
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - firsts
    return ranks


def _repeated(values: Floats) -> BoolArray:
    """`values` (N,), sorted -> which (N,) are there more than once."""
    found = np.zeros(len(values), np.bool_)
    found[1:] = values[1:] == values[:-1]
    found[:-1] |= found[1:]
    return found
