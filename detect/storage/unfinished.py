"""Detections of a run that is still going on: a JSON line an image, appended as it is finished.

A killed process leaves at most one line without its end, which the next one cuts off. The
finished file (storage/detections.py) is made from this one in a single step.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

from detect.errors import DataError
from detect.files import readable
from detect.regions import Detections


class UnfinishedDetections:
    """The lines in `path`, which need not exist yet.

    Raises DataError for a line that is no image's detections, or where the file cannot be
    written; EnvironmentProblem on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def finished(self) -> set[str]:
        """Return the ids of the images that are done, after cutting off a line without its end."""
        if not self.path.exists():
            return set()
        self._cut_off()
        return {detections.image_id for detections in self}

    def add(self, detections: Detections) -> None:
        """Append the detections of one image."""
        line = json.dumps(
            {
                "image_id": detections.image_id,
                "boxes": detections.boxes.tolist(),
                "labels": detections.labels.tolist(),
                "scores": detections.scores.tolist(),
            }
        )
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise readable(error, self.path) from error

    def __iter__(self) -> Iterator[Detections]:
        """Yield the detections of every finished image, one in memory at a time."""
        if not self.path.exists():
            return
        with self.path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield self._read(number, line)

    def _read(self, number: int, line: str) -> Detections:
        try:
            return Detections(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{self.path}, line {number}: not the detections of an image ({error}). Delete "
                "this file and run again with --exist-ok."
            ) from error

    def _cut_off(self) -> None:
        """Shorten the file to its last end of line."""
        with self.path.open("rb+") as file:
            end = start = file.seek(0, os.SEEK_END)
            kept = -1
            while start > 0 and kept < 0:
                start = max(0, start - 2**20)
                file.seek(start)
                kept = file.read(min(2**20, end - start)).rfind(b"\n")
            file.truncate(start + kept + 1)
