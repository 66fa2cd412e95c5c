"""ILSVRC's blacklist: pairs of image and class that are left out of the score."""

import re
from pathlib import Path

from detect.errors import DataError
from detect.reading import read_text
from detect.structures import Dataset

_NUMBER = re.compile("[0-9]{1,9}")


def read_blacklist(path: Path, dataset: Dataset) -> frozenset[tuple[str, int]]:
    """Read lines `IMAGE CLASS` (ILSVRC2014 devkit) and return pairs (image id, label).

    IMAGE is an image's id, or, only where no image has that id, its number from 1 in the
    split's list. CLASS, all after the first space, is a synset id or else a class's name. An
    empty file is valid. Raises DataError on a line that is neither, naming it.
    """
    lines = read_text(path, "a blacklist, a line `IMAGE CLASS` a pair").splitlines()
    reader = _Reader(path, dataset)
    return frozenset(
        reader.pair(number, line) for number, line in enumerate(lines, 1) if line.strip()
    )


class _Reader:
    """Looks up the images and classes of `dataset`; `path` is for the errors."""

    def __init__(self, path: Path, dataset: Dataset) -> None:
        self.path, self.dataset = path, dataset
        self.listed = dataset.listed or tuple(sample.image_id for sample in dataset.samples)
        self.ids = {*self.listed, *(sample.image_id for sample in dataset.samples)}
        self.labels = {name: label for label, name in enumerate(dataset.classes)}
        self.labels |= {synset: label for label, synset in enumerate(dataset.synsets)}

    def pair(self, number: int, line: str) -> tuple[str, int]:
        """Return (image id, label) of one line."""
        words = line.split(maxsplit=1)
        if len(words) < 2:
            raise self._wrong(number, f"expected `IMAGE CLASS`, got {line.strip()!r}.")
        name = words[1].strip()
        if name not in self.labels:
            raise self._wrong(number, f"no class has the synset id or name {name!r}.")
        return self._image(number, words[0]), self.labels[name]

    def _image(self, number: int, word: str) -> str:
        if word in self.ids:
            return word
        if _NUMBER.fullmatch(word) and 1 <= int(word) <= len(self.listed):
            return self.listed[int(word) - 1]
        raise self._wrong(
            number,
            f"no image of split {self.dataset.split!r} has the id or number {word!r} "
            f"({len(self.listed)} images). Is it the blacklist of another split?",
        )

    def _wrong(self, number: int, what: str) -> DataError:
        return DataError(f"{self.path}, line {number}: {what}")
