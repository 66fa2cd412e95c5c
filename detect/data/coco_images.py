"""Where the image of a COCO record is: as its file_name says, or below another folder than that.

Label Studio tells where an image was on its server, others an absolute path or one from above the
set: the last parts of such a path say which image of the set is meant, if only one can be.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from detect.data.coco_json import CocoJson, Record, parse
from detect.data.coco_places import CocoPlace
from detect.data.listing import files_in
from detect.data.normal_forms import other_form
from detect.data.split import Skipping
from detect.errors import DataError
from detect.reading import is_path


class CocoImages:
    """The image files of the records of one JSON; `others` are the JSON files beside it."""

    def __init__(
        self, content: CocoJson, folders: tuple[Path, ...], others: Sequence[CocoPlace] = ()
    ) -> None:
        self._content, self._folders, self._others = content, folders, others

    def find(self, record: Record, needed: bool) -> Path:
        """Return the image file of `record`.

        Where there is none, DataError if it is `needed`, else its place in the first folder.
        DataError for a record without a path, or with one outside the set that means no one image.
        """
        path = self._content.path
        file_name = record.get("file_name")
        if not isinstance(file_name, str) or not file_name:
            raise DataError(f"{path}: image {record['id']} has no file_name.")
        if found := _as_told(file_name, self._folders) or self._by_its_end(file_name):
            return found
        relative = _slashed(file_name)
        if _is_outside(relative):
            raise DataError(
                f"{path}: image {record['id']}: file_name must lie below images/, got "
                f"{file_name:.80}."
            )
        if needed:
            raise DataError(
                f"{self._folders[0] / relative}: the split lists this image, but it is missing. "
                f"Looked in {', '.join(map(str, self._folders))}{self._other_form(relative)}."
            )
        return self._folders[0] / relative

    def _other_form(self, relative: PurePosixPath) -> str:
        """Return a hint at a file of this name in another normal form."""
        places = (folder / relative.parent for folder in self._folders)
        names = (
            () if relative.name.isascii() else (p.name for q in places for p in files_in(q, "*"))
        )
        return other_form(relative.name, names)

    def _by_its_end(self, file_name: str) -> Path | None:
        """Return the file that the end of `file_name` means, if no record of another path does."""
        found = _by_end(file_name, self._folders)
        alone = found is not None and len(self._claims[os.path.realpath(found)]) == 1
        return found if alone else None

    @cached_property
    def _claims(self) -> dict[str, set[str]]:
        """The paths in the records of all JSON files by the real file that they mean."""
        claims = defaultdict[str, set[str]](set)
        for images, folders in self._every():
            for name in (record.get("file_name") for record in images):
                if not isinstance(name, str) or not name:
                    continue
                if found := _as_told(name, folders) or _by_end(name, folders):
                    claims[os.path.realpath(found)].add(_slashed(name).as_posix())
        return claims

    def _every(self) -> Iterator[tuple[Iterable[Record], tuple[Path, ...]]]:
        """Yield the records of each JSON, its own first, and the folders of their images."""
        yield self._content.images.values(), self._folders
        for place in self._others:
            try:
                content = parse(place.json, Skipping(True))
            except DataError:
                continue  # Whoever reads its split is told.
            yield content.images.values(), place.folders


def _slashed(file_name: str) -> PurePosixPath:
    return PurePosixPath(file_name.replace("\\", "/"))


def _is_outside(relative: PurePosixPath) -> bool:
    """Tell whether `relative` is no path below a folder."""
    parts = relative.parts
    above = not parts or relative.is_absolute() or ".." in parts or ":" in parts[0]
    return above or not is_path(relative.as_posix())


def _as_told(file_name: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the first file of this path below one of `folders`; a back-slash may be a slash."""
    if _is_outside(_slashed(file_name)):
        return None
    names = (PurePosixPath(file_name), _slashed(file_name))
    places = (folder / name for folder in folders for name in names)
    return next((place for place in places if place.is_file()), None)


def _by_end(file_name: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the file of the most last parts of the path below `folders`; None for none or two."""
    parts = _slashed(file_name).parts
    for start in range(len(parts)):
        tail = PurePosixPath(*parts[start:])
        if _is_outside(tail):
            continue
        found = [folder / tail for folder in folders if (folder / tail).is_file()]
        if found:
            return found[0] if len(set(map(os.path.realpath, found))) == 1 else None
    return None
