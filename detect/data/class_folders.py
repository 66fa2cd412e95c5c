"""A folder of classes: `SPLIT/CLASS/*.jpg`; the names are the folders' or `classes.txt`'s.

Without `classes.txt` at the root the classes are the sorted names over all splits, so that a
split that lacks one numbers the others alike.
"""

from pathlib import Path

from detect.data.image_files import check_name, images_in
from detect.data.listing import folders_in
from detect.data.split import Skipping, nearest, read_names
from detect.errors import DataError, UsageError, option

Labelled = list[tuple[Path, str]]


def matches(root: Path) -> bool:
    """Tell whether `root` holds folders of folders of images."""
    return bool(_splits(root))


def read(root: Path, split: str | None, skipping: Skipping) -> tuple[tuple[str, ...], Labelled]:
    """Return the classes, and the images of a split with the class of each, by name.

    Raises UsageError without `split`; DataError for one that is not there, for a class folder
    without images, and for one that classes.txt does not name. `skipping` takes files that cannot
    be used.
    """
    folder = split_folder(split, _splits(root), root)
    listed = root / "classes.txt"
    if listed.is_file():
        classes = read_names(listed)
    else:
        names = {path.name for parent in _splits(root).values() for path in folders_in(parent)}
        classes = tuple(sorted(names))
    return classes, in_class_folders(folder, classes, str(listed), skipping)


def split_folder(split: str | None, splits: dict[str, Path], root: Path) -> Path:
    """Return the folder of `split`; UsageError for None, DataError for one not there."""
    known = ", ".join(splits)
    if split is None:
        raise UsageError(f"{root}: say which split with {option('split')}; there: {known}.")
    if split not in splits:
        hint = nearest(split, splits)
        raise DataError(
            f"{option('split', split)}: no split of {root}. Splits there: {known}{hint}."
        )
    return splits[split]


def in_class_folders(
    folder: Path, classes: tuple[str, ...], source: str, skipping: Skipping
) -> Labelled:
    """Return the images in the subfolders of `folder`, each with its subfolder's name.

    Raises DataError for a subfolder without images, and for one not among `classes`, which come
    from `source`.
    """
    labelled: Labelled = []
    for path in folders_in(folder):
        check_name(path)
        if path.name not in classes:
            hint = nearest(path.name, classes)
            raise DataError(f"{path}: {source} does not name this class{hint}.")
        images = images_in(path, skipping)
        if not images:
            raise DataError(
                f"{path}: a class folder without images (by extension: .jpg, .png, ...). Add "
                "images, or remove the folder."
            )
        labelled += [(image, path.name) for image in images]
    return labelled


def _splits(root: Path) -> dict[str, Path]:
    """Return name -> folder of every folder in `root` that holds folders."""
    return {path.name: path for path in folders_in(root) if folders_in(path)}
