"""Positives of a split annotated in part, as `positives_from` and `positives_per_class` ask."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from detect.errors import UsageError, option
from detect.progress import Reporter
from detect.stages.opening import usable
from detect.stages.options import Text

if TYPE_CHECKING:
    from pathlib import Path

    from detect.structures import Dataset, Sample

# R-CNN's choice on ILSVRC ("train1k": arXiv 1311.2524v5, table 4).
_TRAIN_1K = 1000

PositivesFrom = Annotated[
    Text | None,
    Field(
        description="Another split, whose objects become positives and nothing of it background."
    ),
]
PositivesPerClass = Annotated[
    int | None,
    Field(ge=1, description=f"The most objects of a class drawn from it. [default: {_TRAIN_1K}]"),
]


def check_positives(split: str | None, per_class: int | None) -> None:
    """Raise UsageError for a number without a split."""
    if per_class and split is None:
        raise UsageError(
            f"{option('positives_per_class')} needs {option('positives_from')}, the split they "
            "are of."
        )


@dataclass(frozen=True)
class ExtraPositives:
    """The objects of the split `of`, read once, for every network to draw its own from.

    At most `per_class` of a class, none in the images `known`. With `skip_bad` images that cannot
    be decoded are left out.
    """

    of: "Dataset"
    per_class: int
    known: frozenset[str]
    skip_bad: bool

    def draw(self, seed: int, reporter: Reporter) -> tuple["Sample", ...]:
        """Return images with the objects that `seed` draws, and say how many there are."""
        import numpy as np

        from detect.training.extra_positives import draw_positives

        drawn = draw_positives(self.of, self.per_class, np.random.default_rng(seed), self.known)
        if drawn:  # Of a large split only the images drawn are decoded.
            some = replace(self.of, samples=drawn)
            drawn = usable(some, reporter, skip_bad=self.skip_bad).samples
        count = sum(len(sample.annotations) for sample in drawn)
        reporter.say(f"positives of {self.of.split}: {count} objects in {len(drawn)} images")
        return drawn


def open_positives(
    root: "Path", split: str | None, per_class: int | None, dataset: "Dataset", *, skip_bad: bool
) -> ExtraPositives | None:
    """Read `split` of the data set `root`, for the classes of `dataset` and without its images.

    None without `split`.
    """
    from detect.data import open_dataset
    from detect.training.region_data import choose_classes

    if split is None:
        return None
    of = choose_classes(open_dataset(root, split, skip_bad=skip_bad), dataset.classes)
    known = frozenset(sample.image_id for sample in dataset.samples)
    return ExtraPositives(of, per_class or _TRAIN_1K, known, skip_bad)
