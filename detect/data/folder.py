"""Plain folders of images and images by name: a data set without annotations.

An image's id is its file's name without extension; its size is not known until it is read.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from detect.data.image_files import (
    ImageFiles,
    check_name,
    images_by_stem,
    images_in,
    printable,
)
from detect.data.split import Skipping, find_list, read_ids
from detect.errors import DataError
from detect.structures import Dataset, Sample

LAYOUT = "folder"


def matches(root: Path) -> bool:
    """Tell whether there are images directly in `root`."""
    return bool(images_by_stem(root))


def read(
    root: Path, split: str | None, skip_bad: bool = False, need_images: bool = True
) -> Dataset:
    """Read the images directly in `root` by name, or those a text file of ids lists.

    They are all there is: `need_images` makes no difference.
    """
    if split is None:
        return of_images([root], skip_bad=skip_bad)
    name, list_path, _ = find_list(root, split, {})
    files, skipping, images = ImageFiles(root), Skipping(skip_bad), []
    listed = read_ids(list_path)
    for image_id in listed:
        with skipping.guard():
            images.append((image_id, files.find(image_id)))
    return _dataset(root, name, images, listed, skipping)


def of_images(paths: Sequence[Path], *, skip_bad: bool = False) -> Dataset:
    """Return the images `paths`, and those directly in the folders among them, in that order.

    DataError for a path that is not there, a folder without images, two images of one id. With
    `skip_bad` files of a folder that cannot be used (`images_in`) are left out and recorded.
    """
    skipping = Skipping(skip_bad)
    images: list[Path] = []
    for path in paths:
        images += _in_folder(path, skipping) if path.is_dir() else [_single(path)]
    by_id: dict[str, Path] = {}
    for image_id, path in ((path.stem, path) for path in images):
        if image_id in by_id:
            raise DataError(
                f"image id {image_id} (a file's name without extension) stands for two files, "
                f"{by_id[image_id]} and {path}. Rename one or leave one out."
            )
        by_id[image_id] = path
    root = paths[0] if len(paths) == 1 and paths[0].is_dir() else Path()
    return _dataset(root, "", by_id.items(), tuple(by_id), skipping)


def _in_folder(folder: Path, skipping: Skipping) -> list[Path]:
    images = images_in(folder, skipping)
    if not images:
        why = f" {skipping.lines[0]}" if skipping.lines else ""
        raise DataError(
            f"{folder}: no image directly in this folder (by extension: .jpg, .png, ...).{why}"
        )
    return images


def _single(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{printable(path)}: no such image file or folder.")
    check_name(path)
    return path


def _dataset(
    root: Path,
    name: str,
    found: Iterable[tuple[str, Path]],
    listed: tuple[str, ...],
    skipping: Skipping,
) -> Dataset:
    return Dataset(
        root=root,
        layout=LAYOUT,
        split=name,
        classes=(),
        category_ids=(),
        samples=tuple(Sample(image_id, path) for image_id, path in found),
        annotated=False,
        listed=listed,
        skipped_marked=tuple(skipping.lines),
    )
