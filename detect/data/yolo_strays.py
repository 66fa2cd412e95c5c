"""Files of YOLO's labels that belong to no image: nothing else would say that they are not read."""

import re
import unicodedata
from collections.abc import Iterator
from glob import escape
from pathlib import Path

from detect.data.image_files import images_by_stem, printable
from detect.data.listing import files_in
from detect.data.split import nearest
from detect.data.yolo_paths import label_places, swapped
from detect.errors import DataError, option
from detect.foreign import beginning
from detect.images import is_unread_image

_NUMBER = rb"[-+]?[\d.]+(?:e[-+]?\d+)?"
_LINE = re.compile(rb"(?:\xef\xbb\xbf)?\s*\S+(?:[ \t]+" + _NUMBER + rb"(?=\s|$)){4}", re.I)
_NAMED = 5  # of many files, so many by name


class Strays:
    """What is told of the labels of a set, each folder listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stems: dict[Path, set[str]] = {}
        self._texts: dict[Path, dict[str, list[Path]]] = {}
        self._told: set[Path] = set()
        self._without: dict[str, str] = {}  # of images, their names by stems

    def check_image(self, image: Path) -> None:
        """Raise DataError where labels of no image are called nearly as those of `image` would be.

        The image has none by its name: it would be background.
        """
        name = printable(Path(image.name))
        self._without[image.stem] = name
        for place in label_places(image, self._root):
            for path in self._alike(place):
                if not self._has_image(path):
                    self._told.add(path)
                    raise DataError(
                        f"{printable(path)}: no image of this name; nearest: {name}, whose labels "
                        f"must be called {printable(Path(place.name))}{_forms(path, place)}. "
                        f"Rename one, or leave the image out with {option('skip_bad')}."
                    )

    def check_folder(self, folder: Path) -> None:
        """Raise DataError for labels of no image where the images in `folder` have theirs."""
        places = dict.fromkeys((swapped(folder, self._root), folder))
        texts = (path for place in places for path in text_files(place) if path not in self._told)
        strays = [path for path in texts if not self._has_image(path) and is_labels(path)]
        if strays:
            self._told.update(strays)
            named = ", ".join(map(self._named, strays[:_NAMED]))
            more = f" and {len(strays) - _NAMED:,} more" if len(strays) > _NAMED else ""
            raise DataError(
                f"{self._root}: labels without an image: {named}{more}. Put the images there or "
                f"remove the labels; {option('skip_bad')} goes on without them."
            )

    def _named(self, path: Path) -> str:
        inside = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        return f"{printable(inside)}{self._hint(path)}"

    def _hint(self, labels: Path) -> str:
        """Return which image may be meant: one that is not read, or of nearly the same name."""
        for folder in _image_folders(labels):
            for other in sorted(folder.glob(f"{escape(labels.stem)}.*")):
                if is_unread_image(other):
                    return (
                        f" ({printable(Path(other.name))} is not read: convert it to JPEG or PNG)"
                    )
        similar = nearest(labels.stem, self._without).removeprefix("; nearest: ")
        return f" (nearest: {self._without[similar]})" if similar else ""

    def _alike(self, place: Path) -> Iterator[Path]:
        """Yield the labels whose names differ from that of `place` in case or Unicode's form."""
        if place.parent not in self._texts:
            known = self._texts.setdefault(place.parent, {})
            for path in text_files(place.parent, deep=False):
                known.setdefault(_folded(path.name), []).append(path)
        alike = self._texts[place.parent].get(_folded(place.name), [])
        return (path for path in alike if is_labels(path))

    def _has_image(self, labels: Path) -> bool:
        """Tell whether there is an image, of whichever split, that has its labels in `labels`."""
        exact = labels.suffix == ".txt"
        return exact and any(labels.stem in self._stems_in(one) for one in _image_folders(labels))

    def _stems_in(self, folder: Path) -> set[str]:
        if folder not in self._stems:
            self._stems[folder] = set(images_by_stem(folder))
        return self._stems[folder]


def _image_folders(labels: Path) -> Iterator[Path]:
    """Yield the folders in which an image may be that has its labels in `labels`."""
    yield labels.parent
    parts = labels.parts[:-1]
    for number, part in enumerate(parts):
        if part == "labels":
            yield Path(*parts[:number], "images", *parts[number + 1 :])


def text_files(folder: Path, *, deep: bool = True) -> list[Path]:
    """Return the text files in `folder`, whatever the case of their ending, and those below it."""
    found = files_in(folder, "**/*" if deep else "*")
    return [path for path in found if path.suffix.lower() == ".txt" and path.is_file()]


def is_labels(path: Path, *, empty: bool = False) -> bool:
    """Tell whether `path` begins as labels do, with a word and four numbers, or is `empty`."""
    text = beginning(path, 400)
    return bool(_LINE.match(text)) or (empty and not text.strip())


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _forms(path: Path, other: Path) -> str:
    """Return what to say of two names that differ in the form of their letters alone, or ""."""
    names = [unicodedata.normalize("NFC", one.name) for one in (path, other)]
    return " (with its letters in the same form of Unicode)" if names[0] == names[1] else ""
