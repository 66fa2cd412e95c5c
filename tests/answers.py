"""Detections and proposals that hold the ground truth of a data set."""

from pathlib import Path

import numpy as np

from detect.storage.detections import write_detections
from detect.storage.proposals import write_proposals
from detect.structures import Dataset, Detections, Proposals


def perfect(path: Path, data: Dataset) -> Path:
    """Write the ground truth as detections."""
    found = (
        Detections(s.image_id, s.annotations.boxes, s.annotations.labels, np.full(len(n), 0.5))
        for s in data.samples
        for n in [s.annotations]
    )
    write_detections(path, found, data)
    return path


def proposed(path: Path, data: Dataset) -> Path:
    """Write the ground truth and ten useless boxes an image as proposals."""
    made = []
    for sample in data.samples:
        boxes = np.concatenate([sample.annotations.boxes, np.full((10, 4), [0, 0, 2, 2])])
        names = ["search"] * len(sample.annotations) + ["multibox"] * 10
        scores = np.arange(len(boxes), 0, -1)
        made.append(Proposals(sample.image_id, sample.size, boxes, scores, names))
    write_proposals(path, made, {"method": "truth"})
    return path
