"""Two halves of a split with the same classes in both, as R-CNN's val1 and val2."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from detect.errors import DataError
from detect.locks import holding
from detect.progress import QUIET, Reporter
from detect.stages import options as o
from detect.stages.calling import by_keywords
from detect.stages.opening import check_out, open_data
from detect.together import together

if TYPE_CHECKING:
    from detect.data.halves import Halves
    from detect.structures import Dataset, IntArray


class SplitOptions(o.Options):
    """What `split` is told."""

    data: Path = Field(description="A data set.")
    split: o.Split = None
    out: Path = Field(description="Folder for the two lists, SPLIT1.txt and SPLIT2.txt.")
    blacklist: Path | None = Field(
        None, description="Lines IMAGE CLASS; their images are left out altogether."
    )
    seed: o.Seed = 0
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class SplitHalf:
    """One half: the list of its `images` at `path`, and the `objects` in them."""

    path: Path
    images: int
    objects: int


@dataclass(frozen=True)
class ClassBalance:
    """A class and its objects in the first and second half."""

    name: str
    first: int
    second: int

    @property
    def imbalance(self) -> float | None:
        """|first - second| / (first + second), in [0, 1]; None without objects."""
        total = self.first + self.second
        return abs(self.first - self.second) / total if total else None


@dataclass(frozen=True)
class SplitResult:
    """Both halves, and how evenly each class is in them, in the order of the classes.

    `largest`, `mean` and `median` imbalance are those of the classes that have objects;
    `blacklisted` is how many images were left out for a blacklist, None without one.
    """

    halves: tuple[SplitHalf, SplitHalf]
    classes: tuple[ClassBalance, ...]
    largest: float
    mean: float
    median: float
    blacklisted: int | None = None


@by_keywords
def split(options: SplitOptions, reporter: Reporter = QUIET) -> SplitResult:
    """Cut a split in two halves of nearly the same number of objects of every class.

    The rule is R-CNN's for ILSVRC's val1 and val2 (data/halves.py). Raises UsageError where `out`
    is taken, DataError for data that is wrong or has nothing to balance.
    """
    with holding(options.out, reporter):
        check_out(options.out, exist_ok=options.exist_ok)
        return _split(options, reporter)


def _split(options: SplitOptions, reporter: Reporter) -> SplitResult:
    import numpy as np

    from detect.data.halves import class_counts, split_in_halves

    dataset = open_data(options.data, options.split, reporter, skip_bad=options.skip_bad)
    blacklisted = None
    if options.blacklist is not None:
        whole, dataset = dataset, _without_blacklisted(dataset, options.blacklist)
        blacklisted = len(whole) - len(dataset)
    counts = class_counts(dataset)
    _check(dataset, counts)
    halves = split_in_halves(counts, np.random.default_rng(options.seed))
    with together(options.out) as folder:
        first, second = (
            _write(options.out, folder, f"{dataset.split}{number}.txt", dataset, places, counts)
            for number, places in enumerate((halves.first, halves.second), start=1)
        )
    return SplitResult(
        halves=(first, second),
        classes=_balances(dataset, halves, counts),
        largest=halves.largest,
        mean=halves.mean,
        median=float(np.nanmedian(halves.imbalance)),
        blacklisted=blacklisted,
    )


def _without_blacklisted(dataset: "Dataset", path: Path) -> "Dataset":
    """Return `dataset` without the images that stand on the blacklist with any class."""
    from detect.evaluation.blacklist import read_blacklist

    listed = {image_id for image_id, _ in read_blacklist(path, dataset)}
    kept = tuple(sample for sample in dataset.samples if sample.image_id not in listed)
    return replace(dataset, samples=kept)


def _check(dataset: "Dataset", counts: "IntArray") -> None:
    """Raise DataError where there is nothing to balance."""
    where = f"{dataset.root}, split {dataset.split}"
    if len(dataset) < 2:
        raise DataError(f"{where}: {len(dataset)} images are left; two halves need two or more.")
    if not counts.any():
        raise DataError(f"{where}: no annotated objects, so no classes to balance.")


def _write(
    out: Path, folder: Path, name: str, dataset: "Dataset", places: "IntArray", counts: "IntArray"
) -> SplitHalf:
    """Write the ids at `places`, one a line, to a file in `folder` that will be in `out`.

    ILSVRC's have their number in this list.
    """
    from detect.data.imagenet_det import LAYOUT
    from detect.files import write_text

    names = [dataset.samples[place].image_id for place in places.tolist()]
    if dataset.layout == LAYOUT:
        names = [f"{name} {number}" for number, name in enumerate(names, start=1)]
    write_text(folder / name, "".join(f"{name}\n" for name in names))
    return SplitHalf(out / name, len(names), int(counts[places].sum()))


def _balances(dataset: "Dataset", halves: "Halves", counts: "IntArray") -> tuple[ClassBalance, ...]:
    columns = (counts[places].sum(axis=0).tolist() for places in (halves.first, halves.second))
    return tuple(ClassBalance(*row) for row in zip(dataset.classes, *columns, strict=True))
