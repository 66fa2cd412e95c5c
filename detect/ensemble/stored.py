"""Detections from stored scores: any networks of a run, any weights, without the networks."""

from collections.abc import Iterator, Sequence

import numpy as np

from detect.ensemble.combination import Combination
from detect.ensemble.moving import moved
from detect.storage.scores import ScoresFile
from detect.structures import Detections


def combine(
    scores: ScoresFile,
    combination: Combination,
    networks: Sequence[int],
    weights: Sequence[float] | None = None,
    *,
    regression: bool = True,
) -> Iterator[Detections]:
    """Yield the detections of every image in the order of `scores`.

    `networks` (M,) are places in the file, `weights` (M,) theirs. Labels are places in the card's
    `classes`. All networks, unweighted, by the card's limits give what the run itself wrote;
    without `regression` the regions stay where they were proposed.
    Raises DataError for a file that is damaged, ValueError as `average`.
    """
    chosen = list(networks)
    labels_of = np.array([scores.card.classes.index(name) for name in scores.card.columns])
    for image in scores:
        regions = image.boxes
        if regression and image.deltas is not None:
            regions = moved(regions, image.deltas[chosen], image.size, weights)
        boxes, labels, values = combination.select(regions, image.scores[chosen], weights)
        yield Detections(image.image_id, boxes, labels_of[labels], values, scores.card.classes)
