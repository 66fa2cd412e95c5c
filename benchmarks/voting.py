"""Which box voting is best on kept scores: mAP of each choice side by side, without a network.

    python benchmarks/voting.py SCORES --data DATA --split S

SCORES is what `detect run --keep-scores` left, on a validation split: choices are not made on test.
Rows: the kind of NMS, the IoU from which regions vote, whether scores weigh as they are or squared,
and the lowest score that votes. Columns: voc2012 at three IoUs, COCO's mean over 0.50 to 0.95.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.data import open_dataset
from detect.ensemble import Combination, average, vote
from detect.ensemble.candidates import Selected, candidates
from detect.evaluation.average_precision import evaluate
from detect.storage.scores import ScoresFile
from detect.storage.scores_card import Kind
from detect.structures import Dataset, Detections, FloatArray


class Choice(NamedTuple):
    """One way to vote; `iou` None is not at all."""

    kind: Kind
    iou: float | None = None
    power: int = 1
    lowest: float = 0.02

    def __str__(self) -> str:
        """Name the choice as the table does."""
        if self.iou is None:
            return f"{self.kind}, no voting"
        weights = "squared" if self.power == 2 else "plain"
        return f"{self.kind}, IoU {self.iou:g}, {weights}, from {self.lowest:g}"


def main() -> None:
    """Read the scores, select by every choice, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", required=True)
    given = parser.parse_args()
    scores, dataset = ScoresFile(given.scores), open_dataset(given.data, given.split)
    images = [(one.image_id, one.boxes, average(one.scores)) for one in scores]
    place = [dataset.classes.index(name) for name in scores.card.columns]
    for choice in _choices():
        start = time.perf_counter()
        found = dict(_detections(choice, images, place))
        seconds = (time.perf_counter() - start) / len(images)
        values = " ".join(f"{100 * value:5.1f}" for value in _scored(dataset, found))
        print(f"{choice!s:40} {values}  {1e3 * seconds:.0f} ms an image", flush=True)


def _choices() -> Iterator[Choice]:
    for kind in ("nms", "soft-nms"):
        yield Choice(kind)
        yield from (Choice(kind, iou) for iou in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8))
    yield from (Choice("nms", iou, 2) for iou in (0.4, 0.5, 0.6))
    for lowest, power in product((0.001, 0.01, 0.05, 0.1, 0.2), (1, 2)):
        yield Choice("nms", 0.5, power, lowest)


def _detections(
    choice: Choice, images: Iterable[tuple[str, FloatArray, FloatArray]], place: Sequence[int]
) -> Iterator[tuple[str, Detections]]:
    """Yield the detections of each image by its id."""
    suppress = Combination(kind=choice.kind)
    for image_id, boxes, mean in images:
        found: Selected = suppress.select(boxes, mean[None])
        if choice.iou is not None:
            corners, labels, scores = candidates(boxes, mean, choice.lowest)
            found = vote(found, (corners, labels, scores**choice.power), choice.iou)
        yield image_id, Detections(image_id, found[0], np.array(place)[found[1]], found[2])


def _scored(dataset: Dataset, found: dict[str, Detections]) -> Iterator[float]:
    for iou in (0.5, 0.7, 0.8):
        yield evaluate(dataset, found, "voc2012", iou)["voc2012"]["map"]
    yield evaluate(dataset, found, "coco")["coco"]["map_50_95"]


if __name__ == "__main__":
    main()
