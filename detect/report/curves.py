"""Precision-recall curves of a run, small enough to draw and to keep."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from detect.boxes import Doubles
from detect.evaluation.curve import JudgedDetections, recall_and_precision
from detect.structures import BoolArray

# More steps than this cannot be told apart in a panel.
_MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class Curve:
    """The precision envelope of a class: `precision` (K,) holds up to `recall` (K,), ascending.

    VOC 2010 on (VOCevaldet.m): the best precision at this or a higher recall. The area under it
    is the AP; thinned to 200 steps it is the AP only nearly.
    """

    recall: Doubles
    precision: Doubles

    def steps(self) -> tuple[Doubles, Doubles]:
        """Return the corners (2K + 1,) from recall 0 to 0 precision; ([0], [0]) without a hit."""
        recall = np.concatenate([[0.0], np.repeat(self.recall, 2)])
        return recall, np.concatenate([np.repeat(self.precision, 2), [0.0]])

    def path(self, width: float, height: float) -> str:
        """Return the area under the curve as the path of an SVG `width` x `height` units."""
        x, y = self.steps()
        corners = [f"{a:.1f} {b:.1f}" for a, b in zip(x * width, (1 - y) * height, strict=True)]
        return f"M0 {height:g}L{'L'.join(corners)}Z"


def curves_of(outcome: JudgedDetections, names: tuple[str, ...]) -> Mapping[str, Curve]:
    """Return the curve of every class of `names` that has a positive."""
    order = np.argsort(outcome.labels, kind="stable")
    ends = np.cumsum(np.bincount(outcome.labels, minlength=len(names)))
    curves = {}
    for label, rows in enumerate(np.split(order, ends[:-1])):
        positives = int(outcome.positives[label])
        if positives:
            hits = outcome.hits[rows]
            curves[names[label]] = _envelope(
                *recall_and_precision(hits, outcome.ignored[rows], positives), hits
            )
    return curves


def _envelope(recall: Doubles, precision: Doubles, hits: BoolArray) -> Curve:
    """Return the envelope where it changes, thinned."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    recall, best = recall[hits], best[hits]
    last = np.append(best[1:] != best[:-1], True)[: len(best)]
    recall, best = recall[last], best[last]
    if len(best) > _MOST_STEPS:
        kept = np.unique(np.linspace(0, len(best) - 1, _MOST_STEPS).round().astype(int))
        recall, best = recall[kept], best[kept]
    return Curve(recall, best)
