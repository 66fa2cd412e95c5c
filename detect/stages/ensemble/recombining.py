"""What `ensemble` makes of stored scores: a file of detections, and mAP."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detect.config import Section, to_toml
from detect.ensemble import Combination
from detect.errors import DataError, option
from detect.progress import Reporter
from detect.runs import RunFolder, describe_environment
from detect.structures import Dataset, Detections, IntArray
from detect.together import together

if TYPE_CHECKING:
    from detect.storage.scores import ScoresFile


class EnsembleRecipe(Section):
    """What decides the detections: config.toml. `weights` is empty where all count the same."""

    split: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    models: tuple[str, ...]
    weights: tuple[float, ...]
    dtype: str
    precision: str
    mirror: bool
    rounds: int
    again: int
    kind: str
    threshold: float
    nms: float
    per_class: int
    decay: str
    sigma: float
    fusion_iou: float
    vote: float | str
    regression: str
    proposals: dict[str, object]


@dataclass(frozen=True)
class Recombined:
    """`networks` of `scores`, with their `weights`, combined by `combination`.

    `moves`: how their deltas move the regions, "off" for not at all.
    """

    scores: "ScoresFile"
    combination: Combination
    networks: tuple[int, ...]
    weights: tuple[float, ...] | None
    moves: str

    def write(self, out: Path) -> tuple[int, int]:
        """Write detections.json and its records to `out`; count images and boxes.

        What another run left there goes when they are complete.
        """
        from detect.storage.detections import write_detections

        card = self.scores.card
        environment = describe_environment(device="cpu", seed=0, data_hash=card.data)
        images = boxes = 0

        def counted() -> Iterator[Detections]:
            nonlocal images, boxes
            for found in self._combined(self.networks, self.weights):
                images, boxes = images + 1, boxes + len(found)
                yield found

        with together(out, RunFolder(out).files()) as folder:
            RunFolder(folder).start(to_toml(self._recipe()), environment)
            write_detections(folder / "detections.json", counted(), self._written_as())
        return images, boxes

    def score(self, networks: Sequence[int], dataset: Dataset, protocol: str, iou: float) -> float:
        """Return the mAP of some of the networks, with their weights, on `dataset`.

        Raises DataError for scores of a class that `dataset` does not have.
        """
        from detect.evaluation.average_precision import evaluate

        weights = None
        if self.weights is not None:
            weights = [self.weights[self.networks.index(place)] for place in networks]
        labels = _labels(self.scores, dataset)
        wanted = {sample.image_id for sample in dataset.samples}
        found = {
            one.image_id: Detections(one.image_id, one.boxes, labels[one.labels], one.scores)
            for one in self._combined(networks, weights)
            if one.image_id in wanted
        }
        value: float = evaluate(dataset, found, protocol, iou)[protocol]["map"]
        return value

    def _combined(
        self, networks: Sequence[int], weights: Sequence[float] | None
    ) -> Iterator[Detections]:
        from detect.ensemble.stored import combine

        told = (self.scores, self.combination, networks, weights)
        return combine(*told, regression=self.moves != "off")

    def _recipe(self) -> EnsembleRecipe:
        card, how = self.scores.card, self.combination
        return EnsembleRecipe(
            split=card.split,
            classes=card.classes,
            names=tuple(card.names[place] for place in self.networks),
            models=tuple(card.hashes[place] for place in self.networks),
            weights=self.weights or (),
            dtype=card.dtype,
            precision=card.precision,
            regression=self.moves,
            mirror=card.mirror,
            rounds=card.rounds,
            again=card.again,
            proposals=card.proposals,
            **vars(how),
        )

    def _written_as(self) -> Dataset:
        """Return what the writer asks for: the classes' ids, and what image ids look like."""
        card = self.scores.card
        return Dataset(
            root=self.scores.path,
            layout="scores",
            split=card.split,
            classes=card.classes,
            category_ids=card.category_ids,
            samples=(),
            integer_ids=card.integer_ids,
        )


def _labels(scores: "ScoresFile", dataset: Dataset) -> IntArray:
    """Return the label in `dataset` of each of the scores' classes, -1 where no network knows it.

    Raises DataError for a class that `dataset` does not have.
    """
    for name in scores.card.columns:
        if name not in dataset.classes:
            raise DataError(
                f"{scores.path}: has scores of the class {name}, which {dataset.root} does not "
                f"have; it has {', '.join(dataset.classes[:5])}. Score on the data that was run."
            )
    known = scores.card.classes
    places = [dataset.classes.index(name) if name in dataset.classes else -1 for name in known]
    return np.array(places, np.int64)


def check_same_data(scores: "ScoresFile", dataset: Dataset, reporter: Reporter) -> None:
    """Raise DataError where classes or images are not those of `scores`; warn of images of one."""
    _labels(scores, dataset)
    sizes = scores.sizes()
    there = [sample for sample in dataset.samples if sample.image_id in sizes]
    if not there:
        raise DataError(
            f"{scores.path}: no scores of any image of split {dataset.split}; they are of split "
            f"{scores.card.split}. Run detect run {option('keep_scores')} on this split."
        )
    for sample in there:
        if sample.size not in (None, sizes[sample.image_id]):
            raise DataError(
                f"{scores.path}: image {sample.image_id} had (height, width) "
                f"{sizes[sample.image_id]} when it was run, now {sample.size}. Run it again."
            )
    if missing := len(dataset) - len(there):
        reporter.warn(
            f"{missing} images of the split have no scores: their objects count as missed."
        )
    if more := len(sizes) - len(there):
        reporter.warn(f"{more} images with scores are not in the split: not in the table.")
