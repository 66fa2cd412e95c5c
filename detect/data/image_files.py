"""Finding the file of an image id, whatever its extension."""

from pathlib import Path

from detect.data.split import nearest
from detect.errors import DataError
from detect.images import EXTENSIONS

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
                f"with an image's extension{self._nearest(self.folder / image_id)}."
            )
        return only_file(files, image_id)

    def _nearest(self, path: Path) -> str:
        """Return the name that a missing image may have, of the first few alone."""
        self._names_left -= 1
        return nearest(path.name, self._listed[path.parent]) if self._names_left >= 0 else ""


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
