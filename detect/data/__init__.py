"""Data sets: VOC, COCO, YOLO, ILSVRC DET, folders of images; the layout is recognised by itself.

Adding a layout: a module with `matches(root)` and `read(root, split, skip_bad, need_images)`, what
tells it (evidence.py), and a line in `LAYOUTS`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from detect.data import coco, evidence, folder, imagenet_det, voc, yolo
from detect.data.listing import folders_in
from detect.data.seen import seen_in
from detect.data.split import Skipping
from detect.errors import DataError
from detect.files import digest
from detect.images import read_image, read_size
from detect.structures import Dataset, Image, Sample, Size

Matches = Callable[[Path], bool]
Read = Callable[[Path, str | None, bool, bool], Dataset]

LAYOUTS: dict[str, tuple[Matches, Read]] = {
    "VOC (Annotations/, JPEGImages/, ImageSets/Main/SPLIT.txt, or XML files beside their images)": (
        voc.matches,
        voc.read,
    ),
    "COCO (images/, annotations/instances_SPLIT.json, or SPLIT/_annotations.coco.json)": (
        coco.matches,
        coco.read,
    ),
    "YOLO (data.yaml, labels/*.txt)": (yolo.matches, yolo.read),
    "ILSVRC DET (Annotations/DET/, Data/DET/, ImageSets/DET/SPLIT.txt)": (
        imagenet_det.matches,
        imagenet_det.read,
    ),
}

# In the order of LAYOUTS.
_TOLD_BY = (evidence.of_voc, evidence.of_coco, evidence.of_yolo, evidence.of_imagenet_det)

# Stored hashes have 0, 0 for a size that is not known.
_NO_SIZE: Size = (0, 0)


def open_dataset(
    root: Path | str,
    split: Path | str | None = None,
    *,
    skip_bad: bool = False,
    need_images: bool = True,
) -> Dataset:
    """Read one split of the data set in the folder `root`, in whichever layout it has.

    `split` is a name, or the path of a text file of image ids; None only for a plain folder of
    images. Without `need_images` the annotations are enough: sizes that only a missing image would
    tell are None. Bad samples raise, or are left out and recorded in `skipped` with `skip_bad`.
    DataError for what is wrong with the user's data, UsageError for a split that is not given.
    """
    root, split = Path(root), None if split is None else str(split)
    if not root.is_dir():
        kind = "not a folder" if root.exists() else "no such folder"
        raise DataError(f"{root}: {kind}; expected a data set.")
    layouts = [name for name, (matches, _) in LAYOUTS.items() if matches(root)]
    if len(layouts) > 1:
        raise DataError(_two(root, layouts))
    if not layouts and not folder.matches(root):
        raise DataError(_no_data_set(root))
    read = LAYOUTS[layouts[0]][1] if layouts else folder.read
    dataset = read(root, split, skip_bad, need_images)
    if not dataset.samples:
        why = dataset.skipped_marked[0]
        raise DataError(f"{root}: no usable image in split {dataset.split}: {why}")
    return dataset


def open_images(paths: Sequence[Path], *, skip_bad: bool = False) -> Dataset:
    """Return the images `paths`, and those directly in folders among them, without annotations.

    DataError for a path that is not there, a folder without images, two images of one id, and,
    unless `skip_bad` leaves them out, for files of a folder that could not be used.
    """
    return folder.of_images(paths, skip_bad=skip_bad)


def open_annotations(json_path: Path) -> Dataset:
    """Read the ground truth of a COCO JSON alone; needs no images. DataError as `open_dataset`."""
    return coco.read_annotations(json_path)


def read_pixels(sample: Sample) -> Image:
    """Read a sample's image (H, W, 3); DataError where its size is not the annotation's.

    They differ when the boxes were drawn on another copy of the image, or by a tool that
    ignores the EXIF rotation: such boxes would lie wrong.
    """
    image = read_image(sample.path)
    height, width = image.shape[:2]
    if sample.size is not None and sample.size != (height, width):
        raise DataError(
            f"{sample.path}: the image has {width}x{height} px (width x height, after EXIF "
            f"rotation), its annotation says {sample.size[1]}x{sample.size[0]}. Correct the "
            "annotation, or remove the rotation tag if the boxes ignore it."
        )
    return image


def image_size(sample: Sample) -> Size:
    """Return a sample's size (H, W), of its file's header where it is not known.

    DataError as `read_image`.
    """
    return sample.size or read_size(sample.path)


def without_undecodable(dataset: Dataset, samples: Iterable[Sample]) -> Dataset:
    """Return `dataset` without the images that `read_pixels` refuses, recorded in `skipped`.

    `samples` are those of `dataset`, with progress shown on the way. DataError if none is left.
    """
    skipping = Skipping(enabled=True)
    kept = []
    for sample in samples:
        with skipping.guard():
            read_pixels(sample)
            kept.append(sample)
    if not kept:
        raise DataError(f"{dataset.root}: no image can be used: {skipping.lines[0]}")
    skipped = (*dataset.skipped_marked, *skipping.lines)
    return replace(dataset, samples=tuple(kept), skipped_marked=skipped)


def data_hash(dataset: Dataset) -> str:
    """Return a digest of the image ids, sizes and file sizes in bytes, in the split's order."""
    return digest("".join(map(_line, dataset.samples)))


def samples_hash(dataset: Dataset) -> str:
    """Return a digest of the image ids, sizes and objects, in the split's order.

    Not of the files: an image that was repaired is the same sample.
    """
    return digest("".join(map(_objects, dataset.samples)))


def _objects(sample: Sample) -> str:
    annotations = sample.annotations
    columns = (annotations.boxes, annotations.labels, annotations.difficult, annotations.crowd)
    values = [column.tolist() for column in columns]
    return f"{sample.image_id}\t{sample.size or _NO_SIZE}\t{values}\n"


def _line(sample: Sample) -> str:
    bytes_ = sample.path.stat().st_size if sample.path.is_file() else -1
    height, width = sample.size or _NO_SIZE
    return f"{sample.image_id}\t{height}\t{width}\t{bytes_}\n"


def _two(root: Path, layouts: Sequence[str]) -> str:
    """Return the text for a folder of several layouts: what tells each of the first two."""
    told_by = dict(zip(LAYOUTS, _TOLD_BY, strict=True))
    paths = [told_by[name](root).relative_to(root) for name in layouts[:2]]
    return (
        f"{root}: two layouts in one folder, {layouts[0]} by {paths[0]} and {layouts[1]} by "
        f"{paths[1]}. Part them: move what belongs to one into another folder."
    )


def _no_data_set(root: Path) -> str:
    """Return the text for a folder that is none: what was seen there, or below, instead."""
    hint = seen_in(root)
    candidates = [
        path for path in folders_in(root) if any(matches(path) for matches, _ in LAYOUTS.values())
    ]
    if candidates and not hint:
        hint = f" Did you mean {candidates[0]}?"
    return f"{root}: no data set. Looked for {'; '.join(LAYOUTS)}; and for images in it.{hint}"
