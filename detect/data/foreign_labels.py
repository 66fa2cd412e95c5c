"""What annotation programs know of an image, and the data set that it is with the images beside."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from detect.data.named_images import Box, Images, Labelled, Meant
from detect.data.split import Skipping, unique_names
from detect.data.truth import SKIP_HINT, check_boxes
from detect.errors import DataError
from detect.images import read_size
from detect.reading import is_name, shown
from detect.structures import Annotations, Dataset, Sample

ALL = "all"


def bounds(points: Iterable[Sequence[float]], where: str) -> Box:
    """Return the box around `points` x, y; DataError for none."""
    corners = list(points)
    if not corners or not all(math.isfinite(value) for point in corners for value in point[:2]):
        raise DataError(f"{where}: expected points of two finite numbers. {SKIP_HINT}")
    across, down = [point[0] for point in corners], [point[1] for point in corners]
    return min(across), min(down), max(across), max(down)


def turned(box: Box, degrees: float, about: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the corners of `box` turned clockwise about a point, as pictures show it."""
    x1, y1, x2, y2 = box
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    shifted = [(x - about[0], y - about[1]) for x in (x1, x2) for y in (y1, y2)]
    return [
        (about[0] + x * cosine - y * sine, about[1] + x * sine + y * cosine) for x, y in shifted
    ]


def to_dataset(
    found: Sequence[Labelled], images: Images, layout: str, root: Path, skipping: Skipping
) -> Dataset:
    """Return the data set of the images `found`, its classes by name, its one split `all`.

    DataError for images that are not there, of another size, twice, and for wrong boxes, unless
    `skipping` takes it. Files that differ in their ending alone have the same id.
    """
    classes = unique_names(sorted({name for one in found for name in one.names}), root)
    labels = {name: label for label, name in enumerate(classes)}
    meant, samples = Meant(images, found), list[Sample]()
    for place, one in enumerate(found):
        with skipping.guard():
            samples.append(_sample(one, meant.file(place), images.folder, labels))
    if not samples:
        raise DataError(f"{root}: no usable image: {'; '.join(skipping.lines[:1])}")
    return Dataset(
        root=root,
        layout=layout,
        split=ALL,
        classes=classes,
        category_ids=tuple(range(1, len(classes) + 1)),
        samples=tuple(samples),
        listed=tuple(sample.image_id for sample in samples),
        skipped_marked=tuple(skipping.lines),
    )


def _sample(one: Labelled, path: Path, folder: Path, labels: dict[str, int]) -> Sample:
    size = read_size(path)
    if one.size is not None and one.size != size:
        raise DataError(
            f"{one.where}: says that {one.name} has {one.size[1]}x{one.size[0]} px (width x "
            f"height), {path} has {size[1]}x{size[0]}. {SKIP_HINT}"
        )
    boxes = np.array(one.boxes, np.float64).reshape(-1, 4)
    check_boxes(Path(one.where), boxes, size, lambda place: _describe(one, place))
    names = np.array([labels[name] for name in one.names], np.int64)
    image_id = path.relative_to(folder).with_suffix("").as_posix()
    return Sample(image_id, path, size, Annotations(boxes.astype(np.float32), names))


def _describe(one: Labelled, place: int) -> str:
    corners = " ".join(f"{value:g}" for value in one.boxes[place])
    return f"object {place + 1} ({one.names[place]}) of {one.name}, x1 y1 x2 y2 = {corners},"


def class_name(value: object, where: str) -> str:
    """Return `value`, which names a class; DataError for anything else."""
    if not isinstance(value, str) or not is_name(value.strip()):
        raise DataError(f"{where}: {shown(value)} can name no class. {SKIP_HINT}")
    return value.strip()


def floats(values: Iterable[object], where: str) -> list[float]:
    """Return `values`, numbers or their texts, as finite numbers; DataError for anything else."""
    try:
        found = [float(value) for value in values]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise DataError(f"{where}: expected finite numbers. {SKIP_HINT}")
    return found
