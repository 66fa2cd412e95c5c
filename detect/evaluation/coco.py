"""Average precision by COCO's own tool, pycocotools."""

import io
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detect.boxes import Doubles
from detect.evaluation.curve import with_mean
from detect.evaluation.flat import FlatDetections, FlatTruth, image_order
from detect.structures import Dataset, IntArray

# IoU 0.50:0.05:0.95 (Lin et al. 2014; pycocotools, Params.setDetParams).
_GRID = np.linspace(0.5, 0.95, 10)
_MOST_PER_IMAGE = 100
_ALL_AREAS = [0.0, 1e10]
_RECALL_POINTS = 101


def score(
    dataset: Dataset, truth: FlatTruth, detections: FlatDetections, iou: float
) -> dict[str, Any]:
    """Return {"map", "map_50_95", "per_class", "skipped"}: AP at `iou` and over 0.50:0.05:0.95.

    All areas, the 100 best detections of a class in an image, 101 recall points. COCO does
    not know `difficult`: those objects count. Its sums run over all classes with an object,
    so the mean of the classes is COCO's AP.
    """
    thresholds = _GRID if np.isclose(_GRID, iou).any() else np.append(_GRID, iou)
    chosen = int(np.argmin(np.abs(thresholds - iou)))
    precision = _precision(dataset, truth, detections, thresholds)
    positives = np.bincount(truth.labels[~truth.crowd], minlength=len(dataset.classes))
    found = np.bincount(detections.labels, minlength=len(dataset.classes))
    per_class = {
        name: {
            "ap": float(precision[chosen, :, label].mean()),
            "ap_50_95": float(precision[: len(_GRID), :, label].mean()),
            "positives": int(positives[label]),
            "detections": int(found[label]),
        }
        for label, name in enumerate(dataset.classes)
        if positives[label]
    }
    entry = with_mean(per_class, dataset, "coco")
    mean = float(np.mean([one["ap_50_95"] for one in per_class.values()]))
    return {"map": entry.pop("map"), "map_50_95": mean, **entry}


def _precision(
    dataset: Dataset, truth: FlatTruth, detections: FlatDetections, thresholds: Doubles
) -> Doubles:
    """Return precision (T, 101, C); -1 for a class without objects.

    A class at a time, of the images that have it: COCO judges every class for itself, and
    pycocotools takes about 1.5 kB a detection.
    """
    ids = image_order(dataset)
    precision = np.full((len(thresholds), _RECALL_POINTS, len(dataset.classes)), -1.0)
    for label in np.unique(truth.labels).tolist():
        own = truth.take(np.flatnonzero(truth.labels == label))
        found = detections.take(np.flatnonzero(detections.labels == label))
        precision[:, :, label] = _precision_of_class(own, found, ids, thresholds)
    return precision


def _precision_of_class(
    truth: FlatTruth, detections: FlatDetections, ids: IntArray, thresholds: Doubles
) -> Doubles:
    """Return precision (T, 101) of the one class that all of `truth` and `detections` are of."""
    numbers = ids[np.union1d(truth.images, detections.images)]
    images = [{"id": number} for number in numbers.tolist()]
    categories = [{"id": int(truth.labels[0])}]
    with redirect_stdout(io.StringIO()):
        judge = COCOeval(
            _indexed(images, categories, _objects(truth, ids)),
            _indexed(images, categories, _results(detections, ids)),
            iouType="bbox",
        )
        judge.params.iouThrs = thresholds
        judge.params.areaRng, judge.params.areaRngLbl = [_ALL_AREAS], ["all"]
        judge.params.maxDets = [_MOST_PER_IMAGE]
        judge.evaluate()
        judge.accumulate()
    return np.asarray(judge.eval["precision"][:, :, 0, 0, 0], np.float64)


def _indexed(
    images: list[dict[str, Any]],
    categories: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
) -> Any:
    made = COCO()
    made.dataset = {"images": images, "categories": categories, "annotations": annotations}
    made.createIndex()
    return made


def _objects(truth: FlatTruth, ids: Any) -> list[dict[str, Any]]:
    """Return COCO annotations; numbered from 1, for pycocotools takes id 0 for "unmatched"."""
    entries = _entries(truth, ids)
    for entry, crowd, size in zip(entries, truth.crowd, truth.areas, strict=True):
        entry.update(iscrowd=int(crowd), area=float(size))
    return entries


def _results(detections: FlatDetections, ids: Any) -> list[dict[str, Any]]:
    """Return COCO results in the order given, numbered from 1."""
    entries = _entries(detections, ids)
    for entry, value in zip(entries, detections.scores.tolist(), strict=True):
        entry.update(score=value, area=entry["bbox"][2] * entry["bbox"][3])
    return entries


def _entries(flat: FlatTruth | FlatDetections, ids: Any) -> list[dict[str, Any]]:
    """Return the fields that truth and results share."""
    boxes_xywh = np.concatenate([flat.boxes[:, :2], flat.boxes[:, 2:] - flat.boxes[:, :2]], axis=1)
    columns = (ids[flat.images].tolist(), flat.labels.tolist(), boxes_xywh.tolist())
    return [
        {"id": number, "image_id": image, "category_id": label, "bbox": bbox}
        for number, (image, label, bbox) in enumerate(zip(*columns, strict=True), start=1)
    ]
