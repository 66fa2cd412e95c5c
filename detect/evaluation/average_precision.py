"""Average precision as the official tools compute it: VOC 2007, VOC 2012, ILSVRC DET, COCO.

VOC: VOCdevkit, VOCevaldet.m (voc.py). ILSVRC: ILSVRC2014 devkit, eval_detection.m (ilsvrc.py).
COCO: pycocotools (coco.py). Everywhere: float64, stable sorts, no box clipped or dropped; a
class without an object that counts is left out of the mean and named in `skipped`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from detect.evaluation import coco, ilsvrc, voc
from detect.evaluation.curve import area, eleven_points, summarise
from detect.evaluation.flat import FlatDetections, FlatTruth, flatten_detections, flatten_truth
from detect.evaluation.protocols import PROTOCOLS
from detect.structures import Dataset, Detections


def evaluate(
    dataset: Dataset,
    detections: Mapping[str, Detections] | FlatDetections,
    protocol: str = "voc2012",
    iou: float = 0.5,
    blacklist: Iterable[tuple[str, int]] = (),
) -> dict[str, Any]:
    """Score `detections` (by image id) by one of PROTOCOLS, or by "all" of them.

    Returns {protocol: {"map", "per_class": {name: {"ap", "positives", "detections"}},
    "skipped": [name]}}, values in [0, 1]; coco has "map_50_95" and "ap_50_95" as well.
    "detections" counts every one of the class, ignored or not. `iou` is the threshold of a match
    (ILSVRC lowers it for small objects); `blacklist` holds pairs (image id, label) that
    ILSVRC leaves out. Equal scores: ilsvrc and coco take the lower image id first (flat.py,
    image_order), then the order given; voc only the order given.
    Raises DataError where nothing can be scored, ValueError on an unknown protocol.
    """
    if protocol not in (*PROTOCOLS, "all"):
        raise ValueError(f"protocol: expected {', '.join(PROTOCOLS)} or all, got {protocol!r}")
    truth = flatten_truth(dataset)
    if not isinstance(detections, FlatDetections):
        detections = flatten_detections(dataset, detections)
    pairs = frozenset(blacklist)
    names = PROTOCOLS if protocol == "all" else (protocol,)
    return {name: _score(dataset, truth, detections, name, iou, pairs) for name in names}


def _score(
    dataset: Dataset,
    truth: FlatTruth,
    detections: FlatDetections,
    protocol: str,
    iou: float,
    blacklist: frozenset[tuple[str, int]],
) -> dict[str, Any]:
    """Return the entry of one protocol."""
    if protocol == "coco":
        return coco.score(dataset, truth, detections, iou)
    if protocol == "ilsvrc":
        outcome = ilsvrc.judge(dataset, truth, detections, iou, blacklist)
    else:
        outcome = voc.judge(truth, detections, len(dataset.classes), iou)
    average = eleven_points if protocol == "voc2007" else area
    return summarise(outcome, dataset, protocol, average)
