"""What annotation programs know of an image, and the data set that it is with the images beside."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from detect.data.image_files import images_below
from detect.data.split import Skipping, unique_names
from detect.data.truth import SKIP_HINT, check_boxes
from detect.errors import DataError, option
from detect.images import read_size
from detect.reading import is_name, shown
from detect.structures import Annotations, Dataset, Sample, Size

Box = tuple[float, float, float, float]
ALL = "all"
# Label Studio's before the name of a file that was uploaded.
_UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")


@dataclass(frozen=True)
class Labelled:
    """An image as `where` tells of it: its file's `name`, a path maybe, and `size` if it says one.

    `names` and `boxes`, xyxy px half-open, are one an object.
    """

    where: str
    name: str
    size: Size | None
    names: tuple[str, ...]
    boxes: tuple[Box, ...]


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


class Images:
    """The images in and below `folder`, found by what other programs call them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._by_name: dict[str, list[Path]] = {}
        for path in images_below(folder):
            self._by_name.setdefault(path.name, []).append(path)

    def find(self, labelled: Labelled) -> Path:
        """Return the one file of an image; DataError for none, and for several."""
        name = PurePosixPath(labelled.name.replace("\\", "/"))
        uploaded = _UPLOAD.fullmatch(name.name)
        found = self._by_name.get(name.name, [])
        if not found and uploaded:
            found = self._by_name.get(uploaded[1], [])
        if len(found) > 1:  # The one whose folders are those of the name, the last ones first.
            alike = [_in_common(path, name) for path in found]
            found = [one for one, same in zip(found, alike, strict=True) if same == max(alike)]
        if len(found) == 1:
            return found[0]
        what = f"{len(found)} files" if found else "no file"
        raise DataError(
            f"{labelled.where}: {what} for the image {shown(labelled.name)} in and below "
            f"{self.folder}. Give the folder of the images as {option('data')}. {SKIP_HINT}"
        )


def _in_common(path: Path, name: PurePosixPath) -> int:
    pairs = zip(reversed(path.parts), reversed(name.parts), strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), 99)


def to_dataset(
    found: Sequence[Labelled], images: Images, layout: str, root: Path, skipping: Skipping
) -> Dataset:
    """Return the data set of the images `found`, its classes by name, its one split `all`.

    DataError for images that are not there, of another size, twice, and for wrong boxes, unless
    `skipping` takes it.
    """
    classes = unique_names(sorted({name for one in found for name in one.names}), root)
    labels = {name: label for label, name in enumerate(classes)}
    samples: dict[str, Sample] = {}
    for one in found:
        with skipping.guard():
            sample = _sample(one, images, labels)
            if sample.image_id in samples:
                raise DataError(
                    f"{one.where}: a second entry for the image {one.name}. {SKIP_HINT}"
                )
            samples[sample.image_id] = sample
    if not samples:
        raise DataError(f"{root}: no usable image: {'; '.join(skipping.lines[:1])}")
    return Dataset(
        root=root,
        layout=layout,
        split=ALL,
        classes=classes,
        category_ids=tuple(range(1, len(classes) + 1)),
        samples=tuple(samples.values()),
        listed=tuple(samples),
        skipped_marked=tuple(skipping.lines),
    )


def _sample(one: Labelled, images: Images, labels: dict[str, int]) -> Sample:
    path = images.find(one)
    size = read_size(path)
    if one.size is not None and one.size != size:
        raise DataError(
            f"{one.where}: says that {one.name} has {one.size[1]}x{one.size[0]} px (width x "
            f"height), {path} has {size[1]}x{size[0]}. {SKIP_HINT}"
        )
    boxes = np.array(one.boxes, np.float64).reshape(-1, 4)
    check_boxes(Path(one.where), boxes, size, lambda place: _describe(one, place))
    names = np.array([labels[name] for name in one.names], np.int64)
    image_id = path.relative_to(images.folder).with_suffix("").as_posix()
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
