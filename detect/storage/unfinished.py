"""Detections of a run that is still going on: a JSON line an image, appended as it is finished.

A killed process leaves at most one line without its end, which the next one cuts off. The
finished file (storage/detections.py) is made from this one in a single step. Scores that are kept
beside the detections wait in a file an image until then.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from detect.errors import DataError, option
from detect.files import append_line, cut_unfinished_line, digest, refuse_link
from detect.reading import is_path, read_json_lines
from detect.storage.scores import (
    RegionScores,
    read_table,
    scores_table,
    write_scores,
    write_table,
)
from detect.storage.scores_card import Kept, ScoresCard
from detect.structures import Detections
from detect.together import remove

_ANEW = f"Delete this file and run again with {option('exist_ok')}."


class UnfinishedDetections:
    """The lines in `path`, which need not exist yet.

    Raises DataError for a line that is no image's detections, or where the file cannot be
    written; EnvironmentProblem on a full disk.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def finished(self) -> list[str]:
        """Return the ids of the images that are done, after cutting off a line without its end.

        They are in the order of the lines, and every line was read. DataError for an image that
        is there twice.
        """
        cut_unfinished_line(self.path)
        lines: dict[str, int] = {}
        for number, detections in enumerate(self, start=1):
            first = lines.setdefault(detections.named_id, number)
            if first != number:
                raise DataError(
                    f"{self.path}, line {number}: image {detections.named_id} is on line {first} "
                    f"already. Two processes wrote here. {_ANEW}"
                )
        return list(lines)

    def add(self, detections: Detections) -> None:
        """Append the detections of one image: see files.append_line."""
        line = json.dumps(
            {
                "image_id": detections.named_id,
                "boxes": detections.boxes.tolist(),
                "labels": detections.labels.tolist(),
                "scores": detections.scores.tolist(),
            }
        )
        append_line(self.path, line)

    def __iter__(self) -> Iterator[Detections]:
        """Yield the detections of every finished image, one in memory at a time."""
        if not self.path.exists():
            return
        for number, value in read_json_lines(self.path, "the detections of an image", _ANEW):
            yield self._read(number, value)

    def _read(self, number: int, value: Any) -> Detections:
        where = f"{self.path}, line {number}"
        if not isinstance(value, dict) or not is_path(value.get("image_id")):
            raise DataError(f"{where}: not the detections of an image (no image_id). {_ANEW}")
        try:
            return Detections(**value)
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"{where}: not the detections of an image ({error}). {_ANEW}"
            ) from error


class UnfinishedScores:
    """The scores of finished images, a file each in the folder `path`, as they are `kept`.

    They are twice on the disk while the finished file is being written. None is brought to the
    disk (fsync, 3 ms a file): `finish` reads all, and refuses what a power cut has damaged.
    """

    def __init__(self, path: Path, kept: Kept) -> None:
        self.path, self.kept = path, kept

    def check(self) -> None:
        """Raise DataError where the folder is a symbolic link, which is not written through."""
        refuse_link(self.path)

    def add(self, scores: RegionScores) -> None:
        """Write the scores of one image, over those it had. Raises errors of files.replacing."""
        write_table(self._file(scores.image_id), scores_table(scores, self.kept))

    def finish(self, path: Path, image_ids: Iterable[str], card: ScoresCard) -> None:
        """Write the scores of `image_ids` in their order to `path`; DataError for one missing."""
        tables = (read_table(self._file(image_id), self.kept) for image_id in image_ids)
        write_scores(path, tables, card)

    def remove(self) -> None:
        """Delete the folder, if it is there."""
        remove(self.path)

    def _file(self, image_id: str) -> Path:
        # An id may hold slashes, and characters that no file name takes.
        return self.path / f"{digest(image_id)}.parquet"
