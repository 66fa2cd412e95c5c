"""Images with one class each, for classification: folders of classes, ILSVRC12's layout.

Beside the data sets with boxes (`open_dataset`), which these are not.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from detect.data import class_folders, imagenet_cls
from detect.data.class_folders import Labelled
from detect.data.split import Skipping, nearest
from detect.errors import DataError
from detect.images import read_image
from detect.structures import Dataset, IntArray, Sample


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """The `images` of one split, sizes not read yet, and the class of each: `labels` (N,)."""

    images: Dataset
    labels: IntArray

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Return the number of images of each class."""
        numbers = np.bincount(self.labels, minlength=len(self.images.classes))
        return dict(zip(self.images.classes, numbers.tolist(), strict=True))

    def take(self, places: IntArray) -> "LabelledImages":
        """Return the images at `places`, in that order."""
        samples = tuple(self.images.samples[place] for place in places.tolist())
        return LabelledImages(replace(self.images, samples=samples), self.labels[places])

    def numbered_as(self, classes: tuple[str, ...]) -> "LabelledImages":
        """Return the same images with labels in the order of `classes`, which may be more.

        Raises DataError for images of a class not among them.
        """
        current = self.images.classes
        places = np.array([classes.index(name) if name in classes else -1 for name in current])
        labels = places[self.labels]
        if (labels < 0).any():
            name = current[int(self.labels[labels < 0][0])]
            raise DataError(
                f"{self.images.root}: split {self.images.split} has images of {name!r}, which the "
                f"model does not know{nearest(name, classes)}. Leave them out, or name it alike."
            )
        ids = tuple(range(1, len(classes) + 1))
        return LabelledImages(replace(self.images, classes=classes, category_ids=ids), labels)


def open_labelled(root: Path, split: str | None, *, skip_bad: bool = False) -> LabelledImages:
    """Read one split of a folder of classes, or of ILSVRC12's classification set, in `root`.

    An image's id is "CLASS/NAME". With `skip_bad` every image is decoded
    once, and those that cannot be are left out and recorded. Raises DataError for what is wrong
    with the user's data, UsageError for a split that is not given.
    """
    if not root.is_dir():
        kind = "not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {kind}; expected a folder of classes.")
    layout = imagenet_cls if imagenet_cls.matches(root) else class_folders
    if not layout.matches(root):
        raise DataError(
            f"{root}: no folder of classes. Looked for SPLIT/CLASS/ with images, and for "
            "ILSVRC12's Data/CLS-LOC/."
        )
    skipping = Skipping(skip_bad)
    classes, labelled = layout.read(root, split, skipping)
    kept = _readable(labelled, skipping) if skip_bad else labelled
    if not kept:
        reason = f": {skipping.lines[0]}" if skipping.lines else "."
        raise DataError(f"{root}: no usable image in split {split}{reason}")
    return _labelled(root, str(split), classes, kept, skipping.lines)


def _readable(labelled: Labelled, skipping: Skipping) -> Labelled:
    kept: Labelled = []
    for path, name in labelled:
        with skipping.guard():
            read_image(path)
            kept.append((path, name))
    return kept


def _labelled(
    root: Path, split: str, classes: tuple[str, ...], found: Labelled, skipped: list[str]
) -> LabelledImages:
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places[name] for _, name in found], np.int64)
    labels.setflags(write=False)
    ids = [f"{name}/{path.name}" for path, name in found]
    images = Dataset(
        root=root,
        layout="labelled",
        split=split,
        classes=classes,
        category_ids=tuple(range(1, len(classes) + 1)),
        samples=tuple(Sample(one, path) for one, (path, _) in zip(ids, found, strict=True)),
        annotated=False,
        listed=tuple(ids),
        skipped_marked=tuple(skipped),
    )
    return LabelledImages(images, labels)
