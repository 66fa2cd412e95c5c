"""Finding the file of an image id, whatever its extension."""

import os
from collections.abc import Iterable
from glob import escape
from pathlib import Path, PurePosixPath

from detect.data.listing import files_in
from detect.data.normal_forms import other_form
from detect.data.split import Skipping, nearest
from detect.errors import DataError, option
from detect.images import EXTENSIONS, is_unread_image
from detect.reading import is_name

# Of so many missing images the nearest name is told: each is compared with every name there is.
_NAMES_TOLD = 3


class ImageFiles:
    """The images below `folder` by id: the path without extension; each directory listed once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listed: dict[Path, dict[str, list[Path]]] = {}
        self._names_left = _NAMES_TOLD

    def candidates(self, image_id: str) -> list[Path]:
        """Return the image files of `image_id`; none where there is no such file or folder."""
        path = self.folder / image_id
        if path.parent not in self._listed:
            self._listed[path.parent] = images_by_stem(path.parent)
        return self._listed[path.parent].get(path.name, [])

    def find(self, image_id: str, needed: bool = True) -> Path:
        """Return the one file of `image_id`; DataError for several, and for none if `needed`.

        Not needed, the path of one that is missing is that of a JPEG.
        """
        files = self.candidates(image_id)
        if not (files or needed):
            return self.folder / f"{image_id}.jpg"
        if not files:
            raise DataError(
                f"{self.folder / image_id}: the split lists this image, but there is no such file "
                f"with an image's extension{self._hint(image_id)}."
            )
        return only_file(files, image_id)

    def _hint(self, image_id: str) -> str:
        """Return what else the image may be: another id, or a file that is not read."""
        own = id_of(image_id)
        if own != image_id and self.candidates(own):
            return f". An image's id is its name without ending, with slashes: list it as {own}"
        path = self.folder / image_id
        for other in sorted(path.parent.glob(f"{escape(path.name)}.*")):
            if is_unread_image(other):
                return f", but {other.name}, which is not read. Convert it to JPEG or PNG"
        return other_form(path.name, self._listed[path.parent]) or self._nearest(path)

    def _nearest(self, path: Path) -> str:
        """Return the name that a missing image may have, of the first few alone."""
        self._names_left -= 1
        return nearest(path.name, self._listed[path.parent]) if self._names_left >= 0 else ""


def id_of(file_name: str) -> str:
    """Return the id that the name of an image's file stands for: slashes, no image's ending."""
    path = PurePosixPath(file_name.replace("\\", "/"))
    return path.with_suffix("").as_posix() if path.suffix.lower() in EXTENSIONS else str(path)


def meant_id(given: object, ids: Iterable[str]) -> str:
    """Return the one of `ids` that `given`, which is none of them, seems to mean, or "".

    Other programs drop an id's leading zeros, and write the name of the file for it.
    """
    word = id_of(str(given))
    alike = [one for one in ids if one == word or (word.isdecimal() and one.lstrip("0") == word)]
    return alike[0] if len(alike) == 1 else ""


def only_file(files: list[Path], image_id: str) -> Path:
    """Return the one path of `files` (at least one); DataError for several."""
    if len(files) > 1:
        raise DataError(
            f"image id {image_id} has two files, {files[0]} and {files[1]}. Remove or rename one."
        )
    return files[0]


def images_by_stem(folder: Path) -> dict[str, list[Path]]:
    """Return stem -> image files (by extension, sorted) directly in `folder`; {} without one."""
    images: dict[str, list[Path]] = {}
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in EXTENSIONS and not path.name.startswith("."):
                images.setdefault(path.stem, []).append(path)
    return images


def images_below(folder: Path, *, deep: bool = True) -> list[Path]:
    """Return the image files (by extension) in `folder` and, if `deep`, in those below it."""
    found = files_in(folder, "**/*" if deep else "*")
    return [path for path in found if path.suffix.lower() in EXTENSIONS]


def images_in(folder: Path, skipping: Skipping) -> list[Path]:
    """Return the images directly in `folder`, sorted.

    DataError, which `skipping` may take, for one that could not be used: of a name that is not
    UTF-8, and of a format that is not read.
    """
    kept = []
    for path in files_in(folder, "*"):
        with skipping.guard():
            if path.suffix.lower() in EXTENSIONS:
                check_name(path)
                kept.append(path)
            elif is_unread_image(path):
                raise DataError(
                    f"{printable(path)}: an image that is not read, by its name or its first "
                    "bytes. Convert it to JPEG or PNG, give it the ending of what it is, or leave "
                    f"it out with {option('skip_bad')}."
                )
    return kept


def check_name(path: Path) -> None:
    """Raise DataError where the name of the file `path`, an image's id, is not UTF-8."""
    if not is_name(path.name):
        raise DataError(
            f"{printable(path)}: the file's name is not UTF-8 text, as the ids of images are. "
            f"Rename it, or leave it out with {option('skip_bad')}."
        )


def printable(path: Path) -> str:
    """Return `path` as text, with an escape for each byte that is not UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def same_picture(one: Path, other: Path) -> bool:
    """Tell whether both are one file, or copies of one by their name and size.

    Of a file that is not there only the name tells.
    """
    sizes = {path.stat().st_size for path in (one, other) if path.is_file()}
    if one.name == other.name:
        return len(sizes) < 2
    return one.is_file() and other.is_file() and one.samefile(other)
