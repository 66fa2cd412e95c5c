"""What `detect run` reads and leaves, an image at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from detect.cli.methods import SEARCH
from detect.cli.sources import MultiBoxChoice, make_source
from detect.config import Section
from detect.data import read_pixels
from detect.errors import DataError
from detect.proposals.settings import PRESETS
from detect.regions import Dataset, Detections, FloatArray, Image, Proposals, Sample
from detect.runs import RunFolder
from detect.storage.detections import write_detections
from detect.storage.proposals import ProposalFile
from detect.storage.scores import NAME, RegionScores, ScoresCard
from detect.storage.unfinished import UnfinishedDetections, UnfinishedScores
from detect.visualize import draw_detections, file_name, write_picture


class DetectionRecipe(Section):
    """What decides the detections: config.toml, which --resume compares.

    No digest of the files: a run that a broken image stopped goes on when it is repaired.
    """

    split: str
    classes: tuple[str, ...]
    models: tuple[str, ...]
    svm: str
    threshold: float
    nms: float
    per_class: int
    precision: str
    keep_scores: str
    proposals: dict[str, Any]


Regions = Callable[[Image, Sample], Proposals]


def stored_regions(path: Path, dataset: Dataset) -> tuple[Regions, dict[str, Any]]:
    """Return what reads an image's proposals from `path`, and their recipe.

    Raises DataError where images of `dataset` have none.
    """
    stored = ProposalFile(path)
    for sample in dataset.samples:
        if sample.image_id not in stored:
            stored.read(sample.image_id)

    def read(image: Image, sample: Sample) -> Proposals:
        return stored.read(sample.image_id, (image.shape[0], image.shape[1]))

    return read, dict(stored.recipe)


def made_regions(
    method: str, preset: str, seed: int, choice: MultiBoxChoice
) -> tuple[Regions, dict[str, Any]]:
    """Return what makes an image's proposals as `detect propose` does, and their recipe."""
    source = make_source(method, PRESETS[preset], seed, choice)

    def make(image: Image, sample: Sample) -> Proposals:
        return source.propose(image, sample.image_id)

    if method == SEARCH:
        return make, {"method": method, "preset": preset, "seed": seed}
    return make, source.recipe


def read_pairs(samples: Sequence[Sample], regions: Regions) -> Iterator[tuple[Image, Proposals]]:
    """Yield every image with its regions; DataError for one that cannot be read."""
    for sample in samples:
        image = read_pixels(sample)
        yield image, regions(image, sample)


class Results:
    """The folder `out`: detections.json, pictures/ where a score to draw from is given.

    With a card of scores scores.parquet as well. Until the end the detections are in
    unfinished.jsonl and the scores in unfinished-scores/, which --resume goes on with.
    """

    def __init__(
        self, out: Path, dataset: Dataset, drawn_from: float | None, kept: ScoresCard | None
    ) -> None:
        self.path, self.scores_path = out / "detections.json", out / NAME
        self._folder, self._dataset, self._drawn_from = RunFolder(out), dataset, drawn_from
        self._pictures = out / "pictures"
        self._unfinished = UnfinishedDetections(out / "unfinished.jsonl")
        self._kept = kept
        dtype = "float32" if kept is None else kept.dtype
        self._scores = UnfinishedScores(out / "unfinished-scores", dtype)

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
        return self._left(self._unfinished.finished())

    def _left(self, finished: set[str]) -> list[Sample]:
        """Return the samples not yet `finished`; DataError for one that is of other images."""
        samples = self._dataset.samples
        if strangers := sorted(finished - {sample.image_id for sample in samples}):
            raise DataError(
                f"{self._unfinished.path}: holds image {strangers[0]}, which is not among the "
                f"{len(samples)} images given. --resume needs the images the run began with."
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
            regions = (proposals.image_id, proposals.size, proposals.boxes, proposals.sources)
            self._scores.add(RegionScores(*regions, scores))
        if self._drawn_from is not None:
            classes, score = self._dataset.classes, self._drawn_from
            picture = draw_detections(image, found, classes, threshold=score)
            write_picture(self._pictures / f"{file_name(found.image_id)}.jpg", picture)
        self._unfinished.add(found)

    def finish(self) -> str:
        """Write detections.json, unless it is there already, and return what there is to say."""
        if self.path.exists():
            self._clean_up()
            return f"{self.path}: complete already"
        images = boxes = 0

        def counted() -> Iterator[Detections]:
            nonlocal images, boxes
            for found in self._unfinished:
                images, boxes = images + 1, boxes + len(found)
                yield found

        kept = self._finish_scores()
        write_detections(self.path, counted(), self._dataset)
        self._clean_up()
        return f"{self.path}: {boxes} detections in {images} images{kept}"

    def _finish_scores(self) -> str:
        """Write scores.parquet in the order of the detections, and return what to say of it."""
        if self._kept is None:
            return ""
        names = (found.image_id for found in self._unfinished)
        self._scores.finish(self.scores_path, names, self._kept)
        size = self.scores_path.stat().st_size / 1e6
        return f"\n{self.scores_path}: scores of {len(self._kept.names)} networks, {size:.1f} MB"

    def _clean_up(self) -> None:
        """Remove what --resume would go on with."""
        self._unfinished.path.unlink(missing_ok=True)
        self._scores.remove()
