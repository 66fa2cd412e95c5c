"""One image's proposals against its objects: IoUs one-to-one by budget, of any box, by source.

Hosang et al. 2016 (What makes for effective detection proposals?, arXiv 1502.05082; github
hosang/detection-proposals): matching is one-to-one and greedy by IoU, whatever the classes, on
the first BUDGET boxes as stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.structures import Annotations, Proposals

Doubles = NDArray[np.float64]
Budgets = Sequence[int | None]

# Boxes of each image that count; None: all.
BUDGETS = (10, 50, 100, 200, 500, 1000, 2000, None)
# Ten a decade up to Hosang's 10,000, and all: where curves over the number of boxes have points.
CURVE = (*dict.fromkeys(round(10 ** (step / 10)) for step in range(41)), None)
# Rounded, for np.linspace and multiples of 0.05 come out one step above some of them.
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True, eq=False)
class ProposalOverlaps:
    """The M objects of one image (crowd regions left out) against its N boxes.

    Best IoU by budget, (M, B) each: `matched` one-to-one, `matched_plain` the same were there
    no difficult objects, `covered` by any box; `curve` (M, C) one-to-one by budget of CURVE;
    `sources` {name: (M,)} by any box of that source; `boxes` {name: number of them}.
    """

    matched: Doubles
    matched_plain: Doubles
    covered: Doubles
    curve: Doubles
    sources: dict[str, Doubles]
    boxes: dict[str, int]


def measure(notes: Annotations, proposals: Proposals) -> ProposalOverlaps:
    """Compare the boxes of one image with its objects."""
    overlaps = iou_matrix(notes.boxes[~notes.crowd], proposals.boxes)
    difficult = notes.difficult[~notes.crowd]
    matched = match(overlaps, BUDGETS)
    plain = np.where(difficult[:, None], 0, overlaps)
    names, counts = np.unique(proposals.sources, return_counts=True)
    return ProposalOverlaps(
        matched=matched,
        matched_plain=match(plain, BUDGETS) if difficult.any() else matched,
        covered=np.stack([_largest(overlaps[:, :budget]) for budget in BUDGETS], axis=1),
        curve=match(overlaps, CURVE),
        sources={str(n): _largest(overlaps[:, proposals.sources == n]) for n in names},
        boxes=dict(zip(map(str, names), map(int, counts), strict=True)),
    )


def _largest(overlaps: Doubles) -> Doubles:
    return np.asarray(overlaps.max(axis=1, initial=0.0), np.float64)


def match(overlaps: Doubles, budgets: Budgets) -> Doubles:
    """`overlaps` (M, N), `budgets` ascending -> IoU of each object's box by budget (M, B).

    closest_candidates.m: again and again the largest IoU left, first object and first box on
    ties. Pairs below the lowest threshold are not looked at: they come last and never matter.
    All budgets at once: bit b of an object's or box's number says that it is free in budget b.
    """
    objects, boxes = np.nonzero(overlaps >= THRESHOLDS[0])
    order = np.argsort(-overlaps[objects, boxes], kind="stable")
    every = (1 << len(budgets)) - 1
    limits = [overlaps.shape[1] if budget is None else budget for budget in budgets]
    too_small = np.sum(np.arange(overlaps.shape[1])[:, None] >= limits, axis=1).tolist()
    free_objects = [every] * len(overlaps)
    free_boxes = [every >> skipped << skipped for skipped in too_small]
    matched = np.zeros((len(overlaps), len(budgets)))
    for target, box in zip(objects[order].tolist(), boxes[order].tolist(), strict=True):
        both = free_objects[target] & free_boxes[box]
        if both:
            free_objects[target] ^= both
            free_boxes[box] ^= both
            columns = [place for place in range(len(budgets)) if both >> place & 1]
            matched[target, columns] = overlaps[target, box]
    return matched
