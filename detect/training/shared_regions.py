"""Which regions of an image a step shows, what they are and where they move.

Fast R-CNN, arXiv 1504.08083, section 2.3: some regions of each of a few images, a quarter of them
objects. All boxes are fractions of the image: IoU and deltas are the same as in pixels.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas
from detect.config import SharedRecipe
from detect.matching import BACKGROUND, IGNORED, Assignment, assign, pools
from detect.models.box_regression import encode
from detect.structures import Annotations, FloatArray, IntArray
from detect.training.box_targets import NOWHERE, moving_to

# What stands for a region of an image that has none to learn from.
_WHOLE = np.array([[0, 0, 1, 1]], np.float32)


class DrawnRegions(NamedTuple):
    """R regions: `boxes` (R, 4), `labels` (R,) with the number of classes for background.

    IGNORED where a region is neither. `deltas` (R, 4) to learn, `objects` (R,) the classes of what
    they move to, -1 for nothing.
    """

    boxes: FloatArray
    labels: IntArray
    deltas: FloatArray
    objects: IntArray


@dataclass(frozen=True)
class RegionDrawer:
    """Draws the regions of a step, as `recipe` says, of images with `num_classes`."""

    recipe: SharedRecipe
    num_classes: int

    def matched(self, proposed: FloatArray, truth: Annotations) -> tuple[FloatArray, Assignment]:
        """Return the boxes (N, 4) to draw from, and what they are.

        Those `proposed` and the objects, without those that have no area.
        """
        sampling = self.recipe.sampling
        boxes = np.concatenate([proposed, truth.boxes])
        boxes = boxes[areas(boxes) > 0]
        return boxes, assign(boxes, truth, sampling.foreground_iou, sampling.background_iou)

    def draw(
        self, rng: np.random.Generator, proposed: FloatArray, truth: Annotations
    ) -> DrawnRegions:
        """Draw from the boxes `proposed` (K, 4) and the objects themselves, as R-CNN does.

        With replacement. Where an image has no background, all are objects, and the other way
        round; where it has neither, they are IGNORED.
        """
        sampling = self.recipe.sampling
        boxes, found = self.matched(proposed, truth)
        foreground, background = pools([found])
        wanted = round(sampling.regions * sampling.foreground_fraction)
        if not len(background):
            wanted = sampling.regions
        objects = wanted if len(foreground) else 0
        rest = sampling.regions - objects if len(background) else 0
        if not objects + rest:
            return _nothing(sampling.regions)
        drawn = foreground.draw(rng, objects, sampling.class_balance), background.draw(rng, rest)
        rows = np.concatenate([one.box for one in drawn])
        labels = found.labels[rows]
        moves = moving_to(found, self.recipe.regression.iou)[rows]
        return DrawnRegions(
            boxes[rows],
            np.where(labels == BACKGROUND, self.num_classes, labels),
            _deltas(boxes[rows], truth, moves),
            np.where(moves == NOWHERE, NOWHERE, truth.labels[moves] if len(truth) else NOWHERE),
        )


def _deltas(boxes: FloatArray, truth: Annotations, moves: NDArray[np.int32]) -> FloatArray:
    """Return what `boxes` (R, 4) learn: the deltas to the objects `moves` (R,), 0 for none."""
    deltas = np.zeros((len(boxes), 4), np.float32)
    near = np.flatnonzero(moves != NOWHERE)
    deltas[near] = encode(truth.boxes[moves[near]], boxes[near])
    return deltas


def _nothing(count: int) -> DrawnRegions:
    """Return `count` regions that nothing is learned from."""
    labels, nowhere = np.full(count, IGNORED, np.int64), np.full(count, NOWHERE, np.int64)
    boxes, deltas = np.repeat(_WHOLE, count, 0), np.zeros((count, 4), np.float32)
    return DrawnRegions(boxes, labels, deltas, nowhere)
