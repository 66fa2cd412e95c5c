"""ILSVRC DET: `Annotations/DET/FOLDER/ID.xml`, `Data/DET/FOLDER/ID.*`, `ImageSets/DET/SPLIT.txt`.

A list has lines "ID NUMBER"; an ID may hold folders (`ILSVRC2013_train/n00007846/n00007846_1`).
FOLDER is SPLIT where `Data/DET/SPLIT` is there, else (val1, a text file of ids) the one below
`Data/DET` that has the image. Boxes are 0-based and inclusive. No XML means no objects.

Objects carry WordNet ids; the names file at the root, the first there of `synsets.txt`,
`classes.txt` and the devkit's `map_det.txt`, has lines "n02672831 accordion" or, as the
devkit, "n02672831 1 accordion" with the category id between.
"""

import re
from pathlib import Path

from detect.data.annotation_xml import parse, size_of, to_annotations
from detect.data.image_files import ImageFiles, only_file
from detect.data.listing import files_in
from detect.data.split import Skipping, find_list, read_ids, unique_names
from detect.errors import DataError
from detect.images import read_size
from detect.reading import read_text
from detect.structures import NO_ANNOTATIONS, Dataset, Sample

LAYOUT = "imagenet_det"
NAMES_FILES = ("synsets.txt", "classes.txt", "map_det.txt")
_SHIFT = (0, 0, 1, 1)
_NAMES_LINE = re.compile(r"(?P<synset>\S+)\s+(?:(?P<number>\d{1,9})\s+)?(?P<name>\S.*)")


def matches(root: Path) -> bool:
    """Tell whether `root` is laid out as ILSVRC DET."""
    beside = (root / "Data/DET", root / "Annotations/DET")
    return (root / "ImageSets/DET").is_dir() and any(path.is_dir() for path in beside)


def read(
    root: Path, split: str | None, skip_bad: bool = False, need_images: bool = True
) -> Dataset:
    """Read one split; DataError for anything wrong with the list, a file or an annotation.

    `annotated` is False where the split's folder has no annotations at all (the test split).
    With `skip_bad` a bad sample is left out and recorded.
    """
    lists = {path.stem: path for path in files_in(root / "ImageSets/DET", "*.txt")}
    name, list_path, _ = find_list(root, split, lists)
    listed = read_ids(list_path, numbered=True)
    synsets, classes, category_ids = read_synsets(root)
    labels = {synset: label for label, synset in enumerate(synsets)}
    folders, skipping, samples = _folders(root, name), Skipping(skip_bad), []
    for image_id in listed:
        with skipping.guard():
            samples.append(_sample(root, image_id, folders, labels, need_images))
    return Dataset(
        root=root,
        layout=LAYOUT,
        split=name,
        classes=classes,
        category_ids=category_ids,
        samples=tuple(samples),
        annotated=any((root / "Annotations/DET" / folder).is_dir() for folder in folders),
        synsets=synsets,
        listed=listed,
        skipped_marked=tuple(skipping.lines),
    )


def read_synsets(root: Path) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    """Read the names file -> WordNet ids, names, category ids (the line's place without any)."""
    files = [root / name for name in NAMES_FILES if (root / name).is_file()]
    if not files:
        raise DataError(
            f"{root / NAMES_FILES[0]}: no such file; expected the names of the synsets, one a "
            "line, as in 'n02672831 accordion'."
        )
    lines = [
        line.strip()
        for line in read_text(files[0], "names of synsets").splitlines()
        if line.strip()
    ]
    matched = [_NAMES_LINE.fullmatch(line) for line in lines]
    for line, match in zip(lines, matched, strict=True):
        if match is None:
            raise DataError(f"{files[0]}: expected 'SYNSET NAME', got {line!r}.")
    parts = [match for match in matched if match is not None]
    synsets = unique_names((match["synset"] for match in parts), files[0])
    names = unique_names((match["name"] for match in parts), files[0])
    numbers = [match["number"] for match in parts]
    if len(set(numbers)) == len(numbers) and None not in numbers:
        return synsets, names, tuple(map(int, numbers))
    return synsets, names, tuple(range(1, len(names) + 1))


def _folders(root: Path, name: str) -> dict[str, ImageFiles]:
    """Return the folders below `Data/DET` that may hold the images of split `name`.

    Where there are no images at all, those of the annotations.
    """
    data = root / "Data/DET"
    listed = data if data.is_dir() else root / "Annotations/DET"
    names = sorted(path.name for path in listed.iterdir() if path.is_dir())
    return {folder: ImageFiles(data / folder) for folder in ([name] if name in names else names)}


def _sample(
    root: Path,
    image_id: str,
    folders: dict[str, ImageFiles],
    labels: dict[str, int],
    need_images: bool,
) -> Sample:
    """Read one image's sample; DataError where several folders have it, or none if it is needed."""
    holding = [name for name, files in folders.items() if files.candidates(image_id)]
    if not holding and not need_images:
        annotated = [name for name in folders if _xml(root, name, image_id).is_file()]
        holding = annotated[:1] or list(folders)[:1]
    if not holding:
        raise DataError(
            f"{root / 'Data/DET'}: the split lists {image_id}, but there is no such image in "
            f"{', '.join(folders) or 'it'}."
        )
    image = only_file([folders[name].find(image_id, need_images) for name in holding], image_id)
    path = _xml(root, holding[0], image_id)
    if not path.is_file():
        size = read_size(image) if image.exists() else None
        return Sample(image_id, image, size, NO_ANNOTATIONS)
    xml = parse(path)
    size = size_of(xml, image)
    return Sample(image_id, image, size, to_annotations(xml, size, labels, _SHIFT))


def _xml(root: Path, folder: str, image_id: str) -> Path:
    return root / "Annotations/DET" / folder / f"{image_id}.xml"
