"""Labels in doubt as COCO JSON, for a look at them in an annotation tool."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detect.checks.findings import Finding
from detect.data import image_size
from detect.errors import as_flags
from detect.files import write_json
from detect.storage.written_sets import coco_objects
from detect.structures import Dataset, Sample


def write_review(path: Path, dataset: Dataset, doubts: Sequence[Finding]) -> None:
    """Write the images of `doubts` with their labels as they are, and what each doubt proposes.

    A proposal is an annotation more: the box that was detected, cut to the image, or the label's
    own box with the other class, so that both lie there until one is removed. It has `score`, and
    `attributes` with `doubt` (a key of KINDS), `reason` and the id of the annotation `labelled`,
    which other annotations have not. Files are named from the folder that holds all of the split.
    The same doubts give the same bytes. Raises DataError for an image whose size is not known and
    that cannot be read, and what `files.writing` does.
    """
    of_image: dict[str, list[Finding]] = {}
    for doubt in doubts:
        of_image.setdefault(doubt.images[0].sample.image_id, []).append(doubt)
    parents = [sample.path.absolute().parent for sample in dataset.samples]
    folder = os.path.commonpath(parents) if parents else ""
    images, annotations = [], list[dict[str, Any]]()
    for number, sample in enumerate(dataset.samples, 1):
        if sample.image_id not in of_image:
            continue
        height, width = image_size(sample)
        image_id = int(sample.image_id) if dataset.integer_ids else number
        name = sample.path.absolute().relative_to(folder).as_posix()
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        first = len(annotations) + 1
        own = [*coco_objects(sample.annotations, dataset)]
        own += _proposals(sample, dataset, of_image[sample.image_id], first)
        annotations += [{"id": n, "image_id": image_id, **one} for n, one in enumerate(own, first)]
    categories = [
        {"id": category, "name": name}
        for category, name in zip(dataset.category_ids, dataset.classes, strict=True)
    ]
    write_json(path, {"images": images, "annotations": annotations, "categories": categories})


def _proposals(
    sample: Sample, dataset: Dataset, doubts: Sequence[Finding], first: int
) -> Iterator[dict[str, Any]]:
    """Yield what each of `doubts` proposes; the labels of `sample` have the ids from `first` on."""
    height, width = image_size(sample)
    for doubt in doubts:
        if doubt.label is None:
            raise ValueError(f"write_review: a finding without a label: {doubt.kind}")
        about: dict[str, Any] = {"doubt": doubt.kind, "reason": as_flags(doubt.marked)}
        if doubt.box is None:
            (place,) = doubt.objects
            corners = sample.annotations.boxes[place].tolist()
            about["labelled"] = first + place
        else:
            corners = doubt.box
        # Boxes of annotations lie in their image, those of detections need not.
        x1, x2 = (min(max(float(side), 0.0), width) for side in corners[::2])
        y1, y2 = (min(max(float(side), 0.0), height) for side in corners[1::2])
        if x1 >= x2 or y1 >= y2:
            continue
        yield {
            "category_id": dataset.category_ids[doubt.label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": (x2 - x1) * (y2 - y1),
            "iscrowd": 0,
            "score": doubt.oddness,
            "attributes": about,
        }
