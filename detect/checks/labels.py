"""Labels that a model doubts: what it found beside them."""

from collections.abc import Iterable, Iterator

import numpy as np

from detect.boxes import coverage_matrix, iou_matrix
from detect.checks.boxes import object_name
from detect.checks.findings import Finding, Seen
from detect.structures import Dataset, Detections

# A detection is of an object from this IoU up (VOC); below the second it is of none. In a crowd
# region lies what it covers by the first.
_MATCH, _APART = 0.5, 0.1
# Mistakes that are more likely those of the labels, where a detection is sure.
_MISTAKES = ("doubt-unlabelled", "doubt-class")


def doubted_labels(
    dataset: Dataset, found: Iterable[Detections], confident: float
) -> list[Finding]:
    """Return labels of `dataset` that may be missing or of the wrong class, the likeliest first.

    What `check_labels` says of mistakes among `found`, an image each in the order of the samples;
    likeliest is the highest score. The rule is ours.
    """
    doubts = [
        finding
        for sample, one in zip(dataset.samples, found, strict=True)
        for finding in check_labels(Seen(sample, (dataset.split,), dataset.classes), one, confident)
        if finding.kind in _MISTAKES
    ]
    return sorted(doubts, key=lambda finding: -finding.oddness)


def check_labels(seen: Seen, found: Detections, confident: float) -> Iterator[Finding]:
    """Yield where detections of one image that score `confident` or more contradict its labels.

    And objects that no detection of any score overlaps by IoU 0.5. Labels of `found` and of the
    image are of one class list. Crowd regions and difficult objects are left alone.
    """
    truth = seen.sample.annotations
    overlaps = iou_matrix(truth.boxes, found.boxes)  # (objects, detections)
    in_crowd = coverage_matrix(found.boxes, truth.boxes[truth.crowd]) >= _MATCH
    sure = (found.scores >= confident) & ~in_crowd.any(axis=1)
    yield from _unlabelled(seen, found, overlaps, sure)
    yield from _other_class(seen, found, overlaps, sure)
    missed = (overlaps < _MATCH).all(axis=1) & ~truth.difficult & ~truth.crowd
    for place in np.flatnonzero(missed).tolist():
        area = float(np.prod(truth.boxes[place, 2:] - truth.boxes[place, :2]))
        text = f"{seen.name}: {object_name(seen, place)}"
        yield Finding("doubt-nothing", text, (seen,), (place,), oddness=area)


def _unlabelled(
    seen: Seen, found: Detections, overlaps: np.ndarray, sure: np.ndarray
) -> Iterator[Finding]:
    for place in np.flatnonzero(sure & (overlaps < _APART).all(axis=0)).tolist():
        name, score = seen.classes[found.labels[place]], float(found.scores[place])
        box = tuple(found.boxes[place].tolist())
        corners = ", ".join(f"{value:.0f}" for value in box)
        text = f"{seen.name}: {name} at ({corners}), score {score:.2f}"
        label = int(found.labels[place])
        yield Finding("doubt-unlabelled", text, (seen,), oddness=score, box=box, label=label)


def _other_class(
    seen: Seen, found: Detections, overlaps: np.ndarray, sure: np.ndarray
) -> Iterator[Finding]:
    """Yield objects that confident detections overlap, all of them of other classes.

    Those that are right about another object say nothing about this one.
    """
    truth = seen.sample.annotations
    right = ((overlaps >= _MATCH) & (truth.labels[:, None] == found.labels)).any(axis=0)
    for place in np.flatnonzero(~truth.difficult & ~truth.crowd).tolist():
        matching = np.flatnonzero(sure & ~right & (overlaps[place] >= _MATCH))
        own = (overlaps[place] >= _MATCH) & sure & (found.labels == truth.labels[place])
        if len(matching) and not own.any():
            best = matching[np.argmax(found.scores[matching])]
            name, score = seen.classes[found.labels[best]], float(found.scores[best])
            text = f"{seen.name}: {object_name(seen, place)} is detected as {name}, {score:.2f}"
            label = int(found.labels[best])
            yield Finding("doubt-class", text, (seen,), (place,), oddness=score, label=label)
