"""The images of a validation split that detections are scored on."""

from dataclasses import replace

import numpy as np

from detect.errors import DataError, option
from detect.structures import Dataset, Sample


def check_scorable(dataset: Dataset) -> None:
    """Raise DataError for a split without a counted object: it has no mAP."""
    if not _with_objects(dataset):
        raise DataError(
            f"validation split {dataset.split}: no object to score against (difficult "
            f"and crowd ones do not count). Choose another {option('val_split')}, or train "
            "without one."
        )


def sampled(dataset: Dataset, images: int) -> Dataset:
    """Return `images` with objects, evenly spread over the split: the same in every run."""
    candidates = _with_objects(dataset)
    places = np.linspace(0, len(candidates) - 1, min(images, len(candidates)))
    chosen = tuple(candidates[place] for place in places.round().astype(int).tolist())
    return replace(dataset, samples=chosen)


def _with_objects(dataset: Dataset) -> list[Sample]:
    samples = dataset.samples
    counted = (~(s.annotations.difficult | s.annotations.crowd) for s in samples)
    return [sample for sample, flags in zip(samples, counted, strict=True) if flags.any()]
