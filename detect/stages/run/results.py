"""What `run` leaves, an image at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from detect.errors import DataError, option
from detect.runs import RunFolder
from detect.stages.run.options import KeptScores, RunResult
from detect.storage.scores_card import ScoresCard
from detect.structures import Dataset, Detections, FloatArray, Image, Proposals, Sample


class Results:
    """The folder `out`: detections.json, pictures/ where a score to draw from is given.

    With a card of scores scores.parquet as well. Until the end the detections are in
    unfinished.jsonl and the scores in unfinished-scores/, which a resumed run goes on with.
    """

    def __init__(
        self, out: Path, dataset: Dataset, drawn_from: float | None, kept: ScoresCard | None
    ) -> None:
        from detect.storage.scores import NAME
        from detect.storage.unfinished import UnfinishedDetections, UnfinishedScores

        self.path, self.scores_path = out / "detections.json", out / NAME
        self._folder, self._dataset, self._drawn_from = RunFolder(out), dataset, drawn_from
        self._pictures = out / "pictures"
        self._unfinished = UnfinishedDetections(out / "unfinished.jsonl")
        self._kept = kept
        dtype = "float32" if kept is None else kept.dtype
        self._scores = UnfinishedScores(out / "unfinished-scores", dtype)
        self._done: list[str] = []  # the images in unfinished.jsonl, in its order

    def begin(
        self, recipe: str, environment: Mapping[str, Any], *, resume: bool
    ) -> Sequence[Sample]:
        """Write the records, or check that they are the same, and return what is left to do.

        Raises DataError when the interrupted run had another recipe or other images.
        """
        if resume and (self.path.exists() or self._unfinished.path.exists()):
            self._folder.check_same(recipe)
        else:
            self._forget()
            self._folder.start(recipe, environment)
        if self.path.exists():
            return ()
        self._done = self._unfinished.finished()
        return self._left(set(self._done))

    def _left(self, finished: set[str]) -> list[Sample]:
        """Return the samples not yet `finished`; DataError for one that is of other images."""
        samples = self._dataset.samples
        if strangers := sorted(finished - {sample.image_id for sample in samples}):
            raise DataError(
                f"{self._unfinished.path}: holds image {strangers[0]}, which is not among the "
                f"{len(samples)} images given. {option('resume')} needs the images the run began "
                "with."
            )
        return [sample for sample in samples if sample.image_id not in finished]

    def _forget(self) -> None:
        """Remove what an earlier run left: it would read as this one's."""
        files = (self.path, self.scores_path, self._unfinished.path)
        for stale in (*files, *self._pictures.glob("*.jpg")):
            stale.unlink(missing_ok=True)
        self._scores.remove()

    def add(
        self, image: Image, found: Detections, proposals: Proposals, scores: FloatArray
    ) -> None:
        """Keep the detections of one image, made of `scores` (M, N, C+1).

        Its scores and picture come first: a resumed run makes no others.
        """
        if self._kept is not None:
            self._keep(proposals, scores)
        if self._drawn_from is not None:
            self._draw(image, found, self._drawn_from)
        self._unfinished.add(found)
        self._done.append(found.named_id)

    def _keep(self, proposals: Proposals, scores: FloatArray) -> None:
        from detect.storage.scores import RegionScores

        regions = (proposals.image_id, proposals.size, proposals.boxes, proposals.sources)
        self._scores.add(RegionScores(*regions, scores))

    def _draw(self, image: Image, found: Detections, drawn_from: float) -> None:
        from detect.visualize import draw_detections, file_name, write_picture

        picture = draw_detections(image, found, self._dataset.classes, threshold=drawn_from)
        write_picture(self._pictures / f"{file_name(found.named_id)}.jpg", picture)

    def finish(self) -> RunResult:
        """Write detections.json, unless it is there already, and return what was done."""
        from detect.storage.detections import write_detections

        if self.path.exists():
            self._clean_up()
            return RunResult(self.path, complete=True)
        boxes = 0

        def counted() -> Iterator[Detections]:
            nonlocal boxes
            for found in self._unfinished:
                boxes += len(found)
                yield found

        kept = self._finish_scores()
        write_detections(self.path, counted(), self._dataset)
        self._clean_up()
        return RunResult(self.path, len(self._done), boxes, kept)

    def _finish_scores(self) -> KeptScores | None:
        """Write scores.parquet in the order of the detections, if scores are kept."""
        if self._kept is None:
            return None
        self._scores.finish(self.scores_path, self._done, self._kept)
        size = self.scores_path.stat().st_size
        return KeptScores(self.scores_path, len(self._kept.names), size)

    def _clean_up(self) -> None:
        """Remove what a resumed run would go on with."""
        self._unfinished.path.unlink(missing_ok=True)
        self._scores.remove()
