"""What mAP would be if one stage of the pipeline were perfect and the others stayed as they are.

Which stage loses how much: proposals (no box on an object), labels (the region classifier), boxes
(proposed, voted or regressed), non-maximum suppression. The stages are R-CNN's (arXiv 1311.2524);
that a box is an object's from IoU 0.5 and background below is its rule (section 2.3). The
definitions are ours, kin to the oracles of Hoiem et al. 2012 and of TIDE (arXiv 2008.08115, section
3.2). Matching and average precision are VOC 2012's throughout.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detect.boxes import iou_matrix
from detect.errors import DataError
from detect.evaluation.curve import area, summarise
from detect.evaluation.flat import FlatDetections
from detect.evaluation.judged import Judged, first_of_each, judge
from detect.structures import BoolArray, Dataset, IntArray, Proposals

# Stage -> what it says in one line; reports print it.
STAGES = {
    "as_found": "the detections as they are",
    "perfect_nms": "second detections of an object already found are gone",
    "perfect_boxes": "every detection that touches an object of its class (IoU 0.1 or more) has "
    "that object's box; of several on one object the best-scored stays",
    "perfect_labels": "every box that reaches an object (IoU 0.5 or more) has its class, every "
    "other is background and gone; second detections of an object stay wrong",
    "perfect_labels_and_nms": "every object that the box of any detection reaches is found once, "
    "and nothing else is",
}


def ceiling(dataset: Dataset, detections: FlatDetections, iou: float = 0.5) -> dict[str, float]:
    """Return {stage: mAP} for STAGES, given these `detections`.

    - as_found: VOC 2012's mAP at t = `iou`.
    - perfect_nms: duplicates (VOC's: on an object of its class, IoU >= t, found already) are
      removed. What NMS took away for nothing cannot be seen in detections: it is in the
      difference between the last stage and `proposal_ceiling`.
    - perfect_boxes: a detection whose largest IoU with an object of its class is 0.1 or more
      (judged.TOUCHING) gets that object's box. Those on one object are then equal, NMS leaves
      the best-scored: it is right, the others are gone. The rest stays wrong.
    - perfect_labels: a detection that reaches no object (IoU >= t) is background and removed;
      one that reaches none of its class, but one of another, takes that class. Of the detection
      that found an object and those that came to it by a new label, the best-scored is right,
      the others are gone, as NMS would have it. Duplicates that were there stay wrong.
    - perfect_labels_and_nms: `proposal_ceiling` of the detections' boxes.

    No stage is below as_found. On difficult objects, VOC's rule: neither right nor wrong.
    Raises DataError where no object counts, ValueError for an `iou` below judged.TOUCHING.
    """
    judged = judge(dataset, detections, iou)
    outcome = judged.outcome
    duplicates = judged.wrong & (judged.own >= iou)
    figures = {
        "as_found": _map(dataset, judged, outcome.hits, outcome.ignored),
        "perfect_nms": _map(dataset, judged, outcome.hits, outcome.ignored | duplicates),
        "perfect_boxes": _perfect_boxes(dataset, judged),
        "perfect_labels": _perfect_labels(dataset, judged),
    }
    return {**figures, "perfect_labels_and_nms": proposal_ceiling(dataset, _boxes(judged), iou)}


def proposal_ceiling(
    dataset: Dataset, boxes: Iterable[tuple[int, NDArray[np.floating]]], iou: float = 0.5
) -> float:
    """Return the mAP of perfect labels and NMS on these boxes: the mean recall of a class.

    `boxes` are pairs (place in `dataset.samples`, boxes (N, 4)); an image may be left out. Each
    object that counts (neither difficult nor crowd) is found if a box reaches it, IoU >= `iou`,
    and it can have one that no other object of its class in the image needs (the largest
    matching). With precision 1 up to that recall and nothing beyond, AP is the recall. One box
    may stand for objects of two classes, as R-CNN's detections may. Of proposals it bounds only
    detections whose boxes are proposals: voting (ensemble.voting) and regression
    (ensemble.moving) make others, which may reach more. Raises DataError where no object counts.
    """
    classes = len(dataset.classes)
    reached, positives = np.zeros(classes), np.zeros(classes)
    for sample in dataset.samples:
        notes = sample.annotations
        positives += np.bincount(notes.labels[~notes.difficult & ~notes.crowd], minlength=classes)
    if not positives.any():
        raise DataError(
            f"{dataset.root}: split {dataset.split!r} has no object that counts by voc2012; "
            "there is nothing to score."
        )
    for place, own in boxes:
        notes = dataset.samples[place].annotations
        counted = ~notes.difficult & ~notes.crowd
        overlaps = iou_matrix(notes.boxes[counted], own)
        labels = notes.labels[counted]
        for label in np.unique(labels).tolist():
            reached[label] += _most_matched(overlaps[labels == label] >= iou)
    return float((reached[positives > 0] / positives[positives > 0]).mean())


def boxes_of(
    dataset: Dataset, proposals: Iterable[Proposals]
) -> Iterable[tuple[int, NDArray[np.floating]]]:
    """Yield what `proposal_ceiling` takes from `proposals`, each of an image of `dataset`."""
    places = {sample.image_id: place for place, sample in enumerate(dataset.samples)}
    return ((places[one.image_id], one.boxes) for one in proposals)


def _boxes(judged: Judged) -> Iterable[tuple[int, NDArray[np.floating]]]:
    """Yield the boxes of every image that has detections."""
    found = judged.detections
    order = np.argsort(found.images, kind="stable")
    places, starts = np.unique(found.images[order], return_index=True)
    parts = np.split(order, starts[1:])
    for place, part in zip(places.tolist(), parts, strict=False):
        yield place, found.boxes[part]


def _most_matched(reaches: BoolArray) -> int:
    """`reaches` (M, N): which box reaches which object -> how many objects can have their own."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    able = int(reaches.any(axis=1).sum())
    if able < 2:
        return able
    return int((maximum_bipartite_matching(csr_array(reaches), perm_type="column") >= 0).sum())


def _perfect_boxes(dataset: Dataset, judged: Judged) -> float:
    touching = np.flatnonzero(judged.own_objects >= 0)
    hits, ignored = np.zeros_like(judged.outcome.hits), judged.outcome.ignored.copy()
    ignored[touching] = True
    _set_right(judged, touching, judged.own_objects[touching], hits, ignored)
    return _map(dataset, judged, hits, ignored)


def _perfect_labels(dataset: Dataset, judged: Judged) -> float:
    outcome, iou = judged.outcome, judged.iou
    taught = judged.wrong & (judged.own < iou) & (judged.other >= iou)
    objects = np.where(taught, judged.other_objects, judged.own_objects)
    labels = outcome.labels.copy()
    labels[taught] = judged.truth.labels[objects[taught]]
    duplicates = judged.wrong & (judged.own >= iou)
    hits, ignored = np.zeros_like(outcome.hits), ~duplicates
    finders = np.flatnonzero(outcome.hits | taught)
    _set_right(judged, finders, objects[finders], hits, ignored)
    return _map(dataset, judged, hits, ignored, labels)


def _set_right(
    judged: Judged, finders: IntArray, objects: IntArray, hits: BoolArray, ignored: BoolArray
) -> None:
    """Make of `finders` (K,), on `objects` (K,), the best-scored on each that counts a hit."""
    counted = judged.counted[objects]
    right = first_of_each(finders[counted], objects[counted])
    hits[right], ignored[right] = True, False


def _map(
    dataset: Dataset,
    judged: Judged,
    hits: BoolArray,
    ignored: BoolArray,
    labels: IntArray | None = None,
) -> float:
    """Return the mAP with other verdicts (N,), and other classes where `labels` (N,) are given."""
    labels = judged.outcome.labels if labels is None else labels
    outcome = replace(judged.outcome, labels=labels, hits=hits, ignored=ignored)
    return float(summarise(outcome, dataset, "voc2012", area)["map"])
