"""The regions of an image over several rounds: those proposed, and where they moved to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from detect.detector.outputs import RegionOutputs
from detect.detector.regions import Regions
from detect.ensemble.averaging import average
from detect.ensemble.rounds import moved_best
from detect.errors import DataError
from detect.structures import FloatArray, Image, Proposals


@dataclass(frozen=True, eq=False)
class Localised:
    """Regions of `count` rounds together, and what networks say of each; the last from `last` on.

    Regions of later rounds have the source "round N", and their best class's score.
    """

    proposals: Proposals
    outputs: RegionOutputs
    count: int = 1
    last: int = 0

    def best(self, most: int) -> FloatArray:
        """Return where the best `most` regions (K, 4) of the last round moved to."""
        proposals = self.proposals.take(slice(self.last, None))
        deltas = self.outputs.deltas
        outputs = RegionOutputs(
            self.outputs.scores[:, self.last :], None if deltas is None else deltas[:, self.last :]
        )
        return moved_best(proposals.boxes, outputs.moved(proposals), outputs.scores, most)

    def another(self, boxes: FloatArray, outputs: RegionOutputs) -> "Localised":
        """Return these regions and one more round: `boxes` (K, 4), and the `outputs` of them."""
        count, earlier = self.count + 1, self.proposals
        scores = average(outputs.scores)[:, :-1].max(axis=1)
        proposals = Proposals(
            earlier.image_id,
            earlier.size,
            np.concatenate([earlier.boxes, boxes]),
            np.concatenate([earlier.scores, scores]),
            np.concatenate([earlier.sources, np.full(len(boxes), f"round {count}")]),
        )
        return Localised(proposals, _joined(self.outputs, outputs), count, len(earlier))


def _joined(one: RegionOutputs, other: RegionOutputs) -> RegionOutputs:
    """Return what networks say of the regions of both."""
    scores = np.concatenate([one.scores, other.scores], 1)
    if one.deltas is None or other.deltas is None:
        return RegionOutputs(scores)
    return RegionOutputs(scores, np.concatenate([one.deltas, other.deltas], 1))


def begun(
    pairs: Iterable[tuple[Image, Proposals]],
) -> Iterator[Regions[Proposals]]:
    """Yield the regions of every pair, which are on their way then; DataError as check_size."""
    for image, proposals in pairs:
        check_size(image, proposals)
        yield Regions(image, proposals.boxes, proposals)


def check_size(image: Image, proposals: Proposals) -> None:
    """Raise DataError for proposals made on an image of another size."""
    if proposals.size != image.shape[:2]:
        raise DataError(
            f"{proposals.image_id}: the image has (height, width) {image.shape[:2]}, its proposals "
            f"were made on {proposals.size}. They belong to other images: run detect propose."
        )
