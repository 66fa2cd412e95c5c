"""ILSVRC12 classification: `Data/CLS-LOC/train/WNID/*.JPEG`, `Data/CLS-LOC/val/*.JPEG`.

The classes are WordNet ids, sorted. What the images of val show is said by the first there of

- folders `Data/CLS-LOC/val/WNID/`;
- Kaggle's `LOC_val_solution.csv`: lines "ImageId,WNID x1 y1 x2 y2 ...";
- the devkit's `*validation_ground_truth.txt` (line i: the class number of the image whose name
  ends in i) and `map_clsloc.txt` (lines "WNID NUMBER NAME");

files at the root, beside it (as Kaggle's archive puts them) or in `devkit/data`.
"""

import csv
import re
from pathlib import Path

from detect.data.class_folders import Labelled, in_class_folders, split_folder
from detect.data.image_files import images_by_stem
from detect.data.listing import folders_in
from detect.data.split import Skipping
from detect.errors import DataError
from detect.reading import read_text

_WNID = re.compile(r"n\d{8}")
_NUMBER = re.compile(r"\d+$")


def matches(root: Path) -> bool:
    """Tell whether `root` is laid out as ILSVRC12's classification set."""
    return (root / "Data/CLS-LOC").is_dir()


def read(root: Path, split: str | None, skipping: Skipping) -> tuple[tuple[str, ...], Labelled]:
    """Return the WordNet ids of the classes, and the images of a split with that of each.

    Raises UsageError without `split`; DataError for one that is not there, and for images
    without ground truth.
    """
    data = root / "Data/CLS-LOC"
    folder = split_folder(split, {path.name: path for path in folders_in(data)}, root)
    train = data / "train"
    wnids = {path.name for path in folders_in(train)} if train.is_dir() else set[str]()
    if folders_in(folder):
        wnids |= {path.name for path in folders_in(folder)}
        classes = tuple(sorted(wnids))
        return classes, in_class_folders(folder, classes, str(train), skipping)
    images = images_by_stem(folder)
    truth = _ground_truth(root, folder, images)
    labelled = [(path, truth[stem]) for stem, paths in images.items() for path in paths]
    return tuple(sorted(wnids | set(truth.values()))), labelled


def _ground_truth(root: Path, folder: Path, images: dict[str, list[Path]]) -> dict[str, str]:
    """Return image name without extension -> WordNet id of all `images`."""
    places = (root, root / "devkit/data", root.parent)
    solutions = _first(places, "LOC_val_solution.csv")
    numbers = _first(places, "*validation_ground_truth.txt")
    names = _first(places, "map_clsloc.txt")
    if folder.name == "val" and solutions:
        source, truth = solutions, _kaggle(solutions)
    elif folder.name == "val" and numbers and names:
        source, truth = numbers, _devkit(numbers, names, images)
    else:
        raise DataError(
            f"{folder}: images without ground truth. Expected folders named by WordNet id in it, "
            f"or for val in {root} LOC_val_solution.csv, or the devkit's "
            "ILSVRC2012_validation_ground_truth.txt and map_clsloc.txt."
        )
    for stem in images:
        if not _WNID.fullmatch(truth.get(stem, "")):
            raise DataError(f"{source}: says no WordNet id for the image {stem} of {folder}.")
    return {stem: truth[stem] for stem in images}


def _first(places: tuple[Path, ...], pattern: str) -> Path | None:
    return next((path for place in places for path in sorted(place.glob(pattern))), None)


def _kaggle(path: Path) -> dict[str, str]:
    lines = read_text(path, "lines IMAGE,ANNOTATIONS").splitlines()
    try:
        rows = [row for row in csv.reader(lines) if len(row) > 1 and row[1].strip()]
    except csv.Error as error:
        raise DataError(f"{path}: not valid CSV: {error}. Copy it again.") from error
    return {row[0]: row[1].split()[0] for row in rows}


def _devkit(numbers: Path, names: Path, images: dict[str, list[Path]]) -> dict[str, str]:
    lines = [line.split() for line in read_text(names, "lines NUMBER SYNSET").splitlines()]
    synsets = {line[1]: line[0] for line in lines if len(line) > 1}
    order = read_text(numbers, "a number a line").split()
    truth = {}
    for stem in images:
        place = _NUMBER.search(stem)
        number = int(place[0]) if place else 0
        if 1 <= number <= len(order):
            truth[stem] = synsets.get(order[number - 1], "")
    return truth
