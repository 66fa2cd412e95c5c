"""Which detections of one image are right: PASCAL VOC's matching."""

import numpy as np
from numpy.typing import NDArray

from detect.boxes import coverage_matrix, iou_matrix
from detect.structures import Annotations, BoolArray, Detections


def verdicts(
    detections: Detections, annotations: Annotations, iou: float = 0.5
) -> tuple[NDArray[np.str_], BoolArray]:
    """Judge N detections against M objects -> verdicts (N,), detected (M,).

    A verdict is "right", "wrong", "duplicate" (of an object already found) or "ignored" (it hit a
    difficult object, or a crowd region holds it). By falling score, each detection goes to the
    object of its class it overlaps most, and counts if their IoU reaches `iou`.
    Source: VOC2012 development kit, VOCevaldet.m; crowds as in pycocotools.
    """
    results = np.full(len(detections), "wrong", dtype="<U9")
    detected = np.zeros(len(annotations), np.bool_)
    overlaps = iou_matrix(detections.boxes, annotations.boxes)
    overlaps[detections.labels[:, None] != annotations.labels[None, :]] = -1
    overlaps[:, annotations.crowd] = -1
    for index in np.argsort(-detections.scores, kind="stable") if len(annotations) else ():
        best = int(overlaps[index].argmax())
        if overlaps[index, best] < iou:
            continue
        if annotations.difficult[best]:
            results[index] = "ignored"
        else:
            results[index] = "duplicate" if detected[best] else "right"
        detected[best] = True
    results[(results == "wrong") & _in_crowd(detections, annotations, iou)] = "ignored"
    detected[annotations.crowd] = True
    return results, detected


def _in_crowd(detections: Detections, annotations: Annotations, iou: float) -> BoolArray:
    """Tell which detections (N,) lie by `iou` of their area in a crowd region of their class."""
    same_class = detections.labels[:, None] == annotations.labels[None, :]
    covered = coverage_matrix(detections.boxes, annotations.boxes) >= iou
    return np.asarray((same_class & covered & annotations.crowd).any(axis=1))
