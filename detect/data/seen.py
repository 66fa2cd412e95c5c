"""What a folder holds that is not read, named for whoever gave it, with the way out."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from detect.data.listing import files_in, folders_in
from detect.data.voc_xml import begins_as_annotation
from detect.errors import option
from detect.foreign import beginning


def _importing(what: str) -> str:
    return f"detect import {what} {option('out', 'SET')} makes a data set of it"


_WITH_IMAGES = f"FILE {option('data', 'IMAGES')}"
_SUPERVISELY = "Supervisely's annotations, which are not read: export COCO, VOC or YOLO"
# Of each name so many files are looked at: the first need not be labels.
_LOOKED_AT = 20
# What a file is by its name and its first bytes -> what is said of it.
_Kind = tuple[str, Callable[[bytes], bool], str]
_LABELS: tuple[_Kind, ...] = (
    (
        "*.xml",
        lambda text: b"<annotations" in text,
        f"CVAT's own format: {_importing(_WITH_IMAGES)}",
    ),
    (
        "*.xml",
        begins_as_annotation,
        "VOC's XML apart from its image: put each beside its image, or all into annotations/ and "
        "the images into images/",
    ),
    (
        "*.json",
        lambda text: b'"imagePath"' in text or b'"shapes"' in text,
        f"LabelMe's files: {_importing('FOLDER')}",
    ),
    (
        "*.json",
        lambda text: _is_label_studio(text),
        f"Label Studio's export: {_importing(_WITH_IMAGES)}",
    ),
    (
        "*.json",
        lambda text: b'"label"' in text and b'"coordinates"' in text,
        "CreateML's annotations, which are not read: export COCO, VOC or YOLO",
    ),
    (
        "*.json",
        lambda text: b"_via_" in text or b'"region_attributes"' in text,
        "the VGG Image Annotator's project, which is not read: export COCO",
    ),
    ("meta.json", lambda text: b'"classes"' in text and b'"shape"' in text, _SUPERVISELY),
    ("*.json", lambda text: b'"classTitle"' in text, _SUPERVISELY),
    ("*.tfrecord*", lambda _: True, "TFRecords, which are not read: export COCO, VOC or YOLO"),
    (
        "*.csv",
        lambda text: bool(re.search(rb"xmin|x_min|bbox|XMin|region_shape", text)),
        "boxes as CSV, which are not read: export COCO, VOC or YOLO",
    ),
)
_ARCHIVES: tuple[_Kind, ...] = (
    ("*.zip", lambda _: True, "an archive: unpack it"),
    ("*.tar*", lambda _: True, "an archive: unpack it"),
)


def _is_label_studio(text: bytes) -> bool:
    keys = (b'"annotations"', b'"data"', b'"rectanglelabels"', b'"polygonlabels"', b'"file_upload"')
    return text.lstrip()[:1] == b"[" and sum(key in text for key in keys) >= 2


def seen_in(root: Path) -> str:
    """Return " Seen there: ..." for the first thing known in `root` or a folder of it, or ""."""
    return _told(root, (*_LABELS, *_ARCHIVES))


def labels_in(root: Path) -> str:
    """Return what `seen_in` does, for labels alone: beside images an archive is none."""
    return _told(root, _LABELS)


def _told(root: Path, kinds: tuple[_Kind, ...]) -> str:
    for folder in (root, *folders_in(root)):
        for path, said in _seen(folder, kinds):
            return f" Seen there: {path.relative_to(root)}, {said}."
    return ""


def _seen(folder: Path, kinds: tuple[_Kind, ...]) -> Iterator[tuple[Path, str]]:
    for pattern, is_kind, said in kinds:
        for path in files_in(folder, pattern)[:_LOOKED_AT]:
            if is_kind(beginning(path)):
                yield path, said
    labels = [path for path in files_in(folder, "*.txt")[:50] if _is_yolo(beginning(path, 200))]
    if labels:
        yield labels[0], "YOLO's labels without names: add data.yaml or classes.txt (one a line)"


def _is_yolo(text: bytes) -> bool:
    return bool(re.match(rb"\d+( (0|1|[01]?\.\d+)){4,}(\s|$)", text))
