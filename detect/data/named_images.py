"""Which image file an entry of an annotation program means, by the path that it tells.

Folders told count: a picture of the same name in another folder is another picture.
"""

import os
import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from detect.data.image_files import images_below
from detect.data.truth import SKIP_HINT
from detect.errors import DataError, option
from detect.reading import shown
from detect.structures import Size

Box = tuple[float, float, float, float]
Parts = tuple[str, ...]
# Label Studio's before the name of a file that was uploaded, and where it keeps such files.
_UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")
_UPLOADED = re.compile(r"(?:^|.*/)data/upload/(?:\d+/)?([^/]+)")
# How sure a file is the one meant: in another folder, by its name, by its name and its folders.
_NO, _LIKELY, _SURE = range(3)


@dataclass(frozen=True)
class Labelled:
    """An image as `where` tells of it: its file's `name`, a path maybe, and `size` if it says one.

    `names` and `boxes`, xyxy px half-open, are one an object. `base` is the folder that the path
    starts from, where that is known.
    """

    where: str
    name: str
    size: Size | None
    names: tuple[str, ...]
    boxes: tuple[Box, ...]
    base: Path | None = None


@dataclass(frozen=True)
class _Match:
    """The `files` that may be meant, all as sure; `in_folder` tells that folders were told."""

    sure: int
    files: tuple[Path, ...]
    in_folder: bool


class Images:
    """The images in and below `folder`, found by what other programs call them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._here = Path(os.path.abspath(folder))
        self._by_path = {path.relative_to(folder).parts: path for path in images_below(folder)}
        self._folders = {name for parts in self._by_path for name in parts[:-1]}
        self._by_name: dict[str, list[Parts]] = {}
        for parts in self._by_path:
            self._by_name.setdefault(parts[-1], []).append(parts)

    def match(self, one: Labelled) -> _Match:
        """Return the files that an image may be."""
        told = self._told(one)
        uploaded = _UPLOAD.fullmatch(told[-1])
        if told[-1] in self._by_name or not uploaded:
            return self._match(told)
        found = self._match((*told[:-1], uploaded[1]))
        return replace(found, sure=min(found.sure, _LIKELY))

    def _told(self, one: Labelled) -> Parts:
        """Return the parts of the path of an image, from `folder` where that is known."""
        name = one.name.replace("\\", "/")
        if one.base is not None:
            base = Path(os.path.abspath(one.base))
            if base.is_relative_to(self._here):
                name = f"{base.relative_to(self._here).as_posix()}/{name}"
        if uploaded := _UPLOADED.fullmatch(name):
            return (uploaded[1],)
        parts = posixpath.normpath(name).split("/")
        # Where a path of another machine starts tells nothing: C:, https:, ..
        kept = [part for part in parts if part not in ("", ".", "..") and part[-1] != ":"]
        return tuple(kept) or ("",)

    def _match(self, told: Parts) -> _Match:
        in_folder = len(told) > 1
        if told in self._by_path:
            return _Match(_SURE, (self._by_path[told],), in_folder)
        ranked = [(self._sure(told, parts), parts) for parts in self._by_name.get(told[-1], [])]
        best = max((sure for sure, _ in ranked), default=_NO)
        files = tuple(self._by_path[parts] for sure, parts in ranked if sure == best)
        return _Match(best, files, in_folder)

    def _sure(self, told: Parts, parts: Parts) -> int:
        """Tell how sure the file `parts` below the folder, of the same name, is the one told."""
        if len(told) == 1:
            return _LIKELY
        alike = _alike((*self._here.parts, *parts), told)
        if alike == len(told) or alike > len(parts):
            return _SURE
        # The other folders told are those above ours, unless they are there, below it or beside.
        above = told[: -len(parts)]
        ours = alike == len(parts) and self._folders.isdisjoint(above) and not self._beside(told)
        return _LIKELY if ours else _NO

    def _beside(self, told: Parts) -> bool:
        return any(os.path.isfile(place.joinpath(*told)) for place in self._here.parents[:-1])


class Meant:
    """The one file of each of the entries `found`; none serves two of them."""

    def __init__(self, images: Images, found: Sequence[Labelled]) -> None:
        self._folder, self._found = images.folder, found
        self._matches = [images.match(one) for one in found]
        # Where some folders told are those of files, a folder told that is not there is missing.
        if any(match.sure == _SURE and match.in_folder for match in self._matches):
            self._matches = [
                replace(match, sure=_NO) if match.sure == _LIKELY and match.in_folder else match
                for match in self._matches
            ]
        self._claims: dict[Path, list[int]] = {}
        for place, match in enumerate(self._matches):
            if match.sure and len(match.files) == 1:
                self._claims.setdefault(match.files[0], []).append(place)

    def file(self, place: int) -> Path:
        """Return the file of entry `place`; DataError for none, several, and that of another."""
        match, one = self._matches[place], self._found[place]
        if not match.sure or len(match.files) > 1:
            raise DataError(f"{one.where}: {self._unclear(match, one)} {SKIP_HINT}")
        path = match.files[0]
        for rival in self._claims[path]:
            sure, other = self._matches[rival].sure, self._found[rival]
            if rival != place and sure >= match.sure:
                who = f"{shown(other.name)} ({other.where})"
                raise DataError(
                    f"{one.where}: {path} is the image of another entry, {who}, and would be that "
                    f"of {shown(one.name)}: expected one entry an image. {SKIP_HINT}"
                )
        return path

    def _unclear(self, match: _Match, one: Labelled) -> str:
        below = f"for the image {shown(one.name)} in and below {self._folder}"
        if not match.files:
            return f"no file {below}. Give the folder of the images as {option('data')}."
        there = " and ".join(str(path.relative_to(self._folder)) for path in match.files[:2])
        if not match.sure:
            return (
                f"no file {below}; {there} is in another folder. Add the image, or give the folder "
                f"that its path starts from as {option('data')}."
            )
        return (
            f"{len(match.files)} files {below}, {there}{', ...' * (len(match.files) > 2)}. Give "
            f"the folder of the one that is meant as {option('data')}."
        )


def _alike(one: Parts, other: Parts) -> int:
    """Return how many of the last parts of two paths are the same."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    differing = (place for place, (here, there) in enumerate(pairs) if here != there)
    return next(differing, min(len(one), len(other)))
