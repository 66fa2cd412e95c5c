"""Joining the proposals of two sources, as GoogLeNet's entry joined Selective Search and MultiBox.

The paper (section 8) adds 200 MultiBox boxes to Selective Search's and gives no rule for boxes
that both found: the one here is ours.
"""

from dataclasses import dataclass

import numpy as np

from detect.boxes import iou_matrix
from detect.proposals.worker import Propose
from detect.structures import Image, Proposals

# Ours: above this IoU two crops of 224 px differ by a few pixels, and classifying both is waste.
NEAR_DUPLICATE = 0.95


def merge(first: Proposals, second: Proposals, iou: float = NEAR_DUPLICATE) -> Proposals:
    """Return `first` followed by the boxes of `second` that no box of it overlaps above `iou`.

    Scores and sources stay what they were; scores of different sources do not compare.
    ValueError if the two are not of one image.
    """
    if (first.image_id, first.size) != (second.image_id, second.size):
        raise ValueError(
            f"proposals of two images: {first.image_id} {first.size}, "
            f"{second.image_id} {second.size}"
        )
    new = second.take(np.all(iou_matrix(second.boxes, first.boxes) <= iou, axis=1))
    return Proposals(
        image_id=first.image_id,
        size=first.size,
        boxes=np.concatenate([first.boxes, new.boxes]),
        scores=np.concatenate([first.scores, new.scores]),
        sources=np.concatenate([first.sources, new.sources]),
    )


@dataclass(frozen=True)
class Both:
    """Proposes by `first` and by `second` and merges what they find; picklable if they are."""

    first: Propose
    second: Propose

    def __call__(self, image: Image, image_id: str) -> Proposals:
        """`image` (H, W, 3) -> the boxes of `first`, then what `second` adds."""
        return merge(self.first(image, image_id), self.second(image, image_id))
