"""What `run` leaves, an image at a time."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detect.errors import DataError, option
from detect.files import refuse_link, to_disk
from detect.runs import RunFolder
from detect.stages.run.options import KeptScores, RunResult
from detect.storage.scores_card import Kept, ScoresCard
from detect.structures import Dataset, Detections, Image, Proposals, Sample
from detect.together import UNFINISHED, commit, remove

if TYPE_CHECKING:
    from detect.detector.outputs import RegionOutputs

# Images whose files are brought to the disk at once.
_IMAGES_TO_DISK = 64


class Results:
    """The folder `out`: detections.json, pictures/ where a score to draw from is given.

    With a card of scores scores.parquet as well. Until the end the detections are in
    unfinished.jsonl and the scores in unfinished-scores/, which a resumed run goes on with, and
    the records and pictures in .unfinished/; an earlier result stays as it is. Then all takes
    its place together.

    A killed process loses no image that was added. A power cut may lose the last 64, since
    pictures and the record are brought to the disk (fsync) for so many images at a time.
    """

    def __init__(
        self, out: Path, dataset: Dataset, drawn_from: float | None, kept: ScoresCard | None
    ) -> None:
        from detect.storage.scores import NAME
        from detect.storage.unfinished import UnfinishedDetections, UnfinishedScores

        self.path, self.scores_path = out / "detections.json", out / NAME
        self._folder, self._dataset, self._drawn_from = RunFolder(out), dataset, drawn_from
        self._new = RunFolder(out / UNFINISHED)
        self._pictures = self._new.path / "pictures"
        self._written: list[Path] = []  # pictures, not on the disk yet
        self._unfinished = UnfinishedDetections(out / "unfinished.jsonl")
        self._kept = kept
        how = Kept("float32") if kept is None else kept.kept
        self._scores = UnfinishedScores(out / "unfinished-scores", how)
        self._done: list[str] = []  # the images in unfinished.jsonl, in its order
        self._complete = False  # before this call

    def begin(
        self, recipe: str, environment: Mapping[str, Any], *, resume: bool
    ) -> Sequence[Sample]:
        """Write the records, or check that they are the same, and return what is left to do.

        Raises DataError when the interrupted run had another recipe or other images.
        """
        refuse_link(self._new.path)
        self._scores.check()
        if not resume:
            self._forget()
        noted = self._new.has_recipe()
        begun = noted or self._unfinished.path.exists()
        if begun or (resume and self.path.exists()):
            (self._new if noted else self._folder).check_same(recipe, "run recipe")
        if resume and not begun and self.path.exists():
            self._complete = True
            return ()
        self._done = self._unfinished.finished()
        left = self._left(set(self._done))
        if not noted:
            self._new.start(recipe, environment)
        return left

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
        """Remove what an interrupted run left: it would read as this one's."""
        remove(self._unfinished.path)
        self._scores.remove()
        remove(self._new.path)

    def add(
        self, image: Image, found: Detections, proposals: Proposals, outputs: "RegionOutputs"
    ) -> None:
        """Keep the detections of one image, made of what networks say of its `proposals`.

        Its scores and picture come first: a resumed run makes no others.
        """
        if self._kept is not None:
            self._keep(proposals, outputs)
        if self._drawn_from is not None:
            self._draw(image, found, self._drawn_from)
        self._unfinished.add(found)
        self._done.append(found.named_id)
        if len(self._done) % _IMAGES_TO_DISK == 0:
            self._to_disk()

    def _to_disk(self) -> None:
        """Bring pictures to the disk, and then the record that they are there."""
        to_disk(self._written)
        if self._unfinished.path.exists():
            to_disk([self._unfinished.path])
        self._written.clear()

    def _keep(self, proposals: Proposals, outputs: "RegionOutputs") -> None:
        from detect.storage.scores import RegionScores

        regions = (proposals.image_id, proposals.size, proposals.boxes, proposals.sources)
        self._scores.add(RegionScores(*regions, outputs.scores, outputs.deltas))

    def _draw(self, image: Image, found: Detections, drawn_from: float) -> None:
        from detect.visualize import draw_detections, file_name, write_picture

        picture = draw_detections(image, found, self._dataset.classes, threshold=drawn_from)
        path = self._pictures / f"{file_name(found.named_id)}.jpg"
        write_picture(path, picture, lasting=False)
        self._written.append(path)

    def finish(self) -> RunResult:
        """Write detections.json, unless it is there already, and return what was done."""
        from detect.storage.detections import write_detections

        if self._complete:
            return RunResult(self.path, complete=True)
        self._to_disk()
        boxes = 0

        def counted() -> Iterator[Detections]:
            nonlocal boxes
            for found in self._unfinished:
                boxes += len(found)
                yield found

        self._finish_scores()
        write_detections(self._new.path / self.path.name, counted(), self._dataset)
        commit(self._new.path, self._folder.files())
        return RunResult(self.path, len(self._done), boxes, self._kept_scores())

    def _finish_scores(self) -> None:
        """Write scores.parquet in the order of the detections, if scores are kept."""
        if self._kept is not None:
            path = self._new.path / self.scores_path.name
            self._scores.finish(path, self._done, self._kept)

    def _kept_scores(self) -> KeptScores | None:
        if self._kept is None:
            return None
        size = self.scores_path.stat().st_size
        return KeptScores(self.scores_path, len(self._kept.names), size)
