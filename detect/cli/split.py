"""`detect split`: two halves of a split with the same classes in both, as R-CNN's val1 and val2."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detect.cli import options
from detect.cli.skipping import open_data
from detect.errors import DataError

if TYPE_CHECKING:
    from detect.data.halves import Halves
    from detect.regions import Dataset, IntArray

# Classes shown where not all are: those of the largest imbalance.
_SHOWN = 10


@click.command("split")
@click.argument("data", type=options.PATH)
@options.split
@options.out("Folder for the two lists, SPLIT1.txt and SPLIT2.txt.")
@click.option(
    "--blacklist",
    type=options.PATH,
    metavar="B",
    help="Lines IMAGE CLASS; their images are left out altogether.",
)
@click.option("--per-class", is_flag=True, help="Print every class.")
@options.seed
@options.exist_ok
@options.skip_bad
@options.debug
def command(
    data: Path,
    split: str | None,
    out: Path,
    blacklist: Path | None,
    per_class: bool,
    seed: int,
    exist_ok: bool,
    skip_bad: bool,
) -> None:
    """Cut a split of DATA in two halves of nearly the same number of objects of every class.

    The rule is R-CNN's for ILSVRC's val1 and val2. Each list can be given as --split elsewhere.
    The imbalance of a class is |a - b| / (a + b), a and b its objects in the halves.
    """
    options.prepare_out(out, exist_ok=exist_ok)
    import numpy as np

    from detect.data.halves import class_counts, split_in_halves

    dataset = open_data(data, split, skip_bad=skip_bad)
    if blacklist is not None:
        dataset = _without_blacklisted(dataset, blacklist)
    counts = class_counts(dataset)
    _check(dataset, counts)
    halves = split_in_halves(counts, np.random.default_rng(seed))
    for number, places in enumerate((halves.first, halves.second), start=1):
        path = out / f"{dataset.split}{number}.txt"
        _write(path, dataset, places)
        click.echo(f"{len(places)} images, {counts[places].sum()} objects: {path}")
    _show(dataset, halves, counts, per_class)


def _without_blacklisted(dataset: "Dataset", path: Path) -> "Dataset":
    """Return `dataset` without the images that stand on the blacklist with any class."""
    from detect.evaluation.blacklist import read_blacklist

    listed = {image_id for image_id, _ in read_blacklist(path, dataset)}
    kept = tuple(sample for sample in dataset.samples if sample.image_id not in listed)
    click.echo(f"{len(dataset) - len(kept)} blacklisted images left out")
    return replace(dataset, samples=kept)


def _check(dataset: "Dataset", counts: "IntArray") -> None:
    """Raise DataError where there is nothing to balance."""
    where = f"{dataset.root}, split {dataset.split}"
    if len(dataset) < 2:
        raise DataError(f"{where}: {len(dataset)} images are left; two halves need two or more.")
    if not counts.any():
        raise DataError(f"{where}: no annotated objects, so no classes to balance.")


def _write(path: Path, dataset: "Dataset", places: "IntArray") -> None:
    """Write the ids at `places`, one a line; ILSVRC's with their number in this list."""
    from detect.data.imagenet_det import LAYOUT
    from detect.files import write_text

    names = [dataset.samples[place].image_id for place in places.tolist()]
    if dataset.layout == LAYOUT:
        names = [f"{name} {number}" for number, name in enumerate(names, start=1)]
    write_text(path, "".join(f"{name}\n" for name in names))


def _show(dataset: "Dataset", halves: "Halves", counts: "IntArray", per_class: bool) -> None:
    """Print the largest, mean and median imbalance and the classes that have the largest."""
    import numpy as np

    known = np.flatnonzero(~np.isnan(halves.imbalance))
    worst = known[np.argsort(-halves.imbalance[known], kind="stable")]
    click.echo(
        f"imbalance of {len(known)} classes: largest {halves.largest:.2%} "
        f"({dataset.classes[worst[0]]}), mean {halves.mean:.2%}, "
        f"median {np.median(halves.imbalance[known]):.2%}"
    )
    if len(known) < len(dataset.classes):
        missing = [
            name
            for name, value in zip(dataset.classes, halves.imbalance, strict=True)
            if np.isnan(value)
        ]
        click.echo(f"classes without objects: {', '.join(missing)}")
    shown = worst if per_class else worst[:_SHOWN]
    width = max(len("class"), *(len(dataset.classes[label]) for label in shown))
    click.echo(f"{'class':{width}}  first  second  imbalance")
    for label in shown.tolist():
        first, second = (counts[places, label].sum() for places in (halves.first, halves.second))
        share = f"{halves.imbalance[label]:.2%}"
        click.echo(f"{dataset.classes[label]:{width}}  {first:5}  {second:6}  {share:>9}")
    if len(shown) < len(worst):
        click.echo(f"and {len(worst) - len(shown)} classes below (--per-class)")
