"""`--positives-from` and `--positives-per-class`: positives of a split annotated in part."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from detect.cli.skipping import usable
from detect.errors import UsageError

if TYPE_CHECKING:
    from detect.regions import Dataset, Sample

# R-CNN's choice on ILSVRC ("train1k": arXiv 1311.2524v5, table 4).
_TRAIN_1K = 1000

_OPTIONS = (
    click.option(
        "--positives-from",
        metavar="NAME|FILE",
        help="Another split, whose objects become positives and nothing of it background.",
    ),
    click.option(
        "--positives-per-class",
        type=click.IntRange(1),
        metavar="N",
        help=f"The most objects of a class drawn from it. [default: {_TRAIN_1K}]",
    ),
)


def positives_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add both options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_positives(split: str | None, per_class: int | None) -> None:
    """Raise UsageError for a number without a split."""
    if per_class and split is None:
        raise UsageError("--positives-per-class needs --positives-from, the split they are of.")


def extra_positives(
    data: Path, split: str | None, per_class: int | None, dataset: "Dataset", seed: int, skip: bool
) -> tuple["Sample", ...]:
    """Return images of `split` with the objects drawn from them, of the classes of `dataset`.

    None without `split`; none of the images of `dataset`. `skip` is --skip-bad.
    """
    import numpy as np

    from detect.data import open_dataset
    from detect.training.extra_positives import draw_positives
    from detect.training.region_data import choose_classes

    if split is None:
        return ()
    other = choose_classes(open_dataset(data, split, skip_bad=skip), dataset.classes)
    known = {sample.image_id for sample in dataset.samples}
    drawn = draw_positives(other, per_class or _TRAIN_1K, np.random.default_rng(seed), known)
    # Of a large split only the images drawn are decoded.
    extra = usable(replace(other, samples=drawn), skip_bad=skip).samples if drawn else drawn
    count = sum(len(sample.annotations) for sample in extra)
    click.echo(f"positives of {other.split}: {count} objects in {len(extra)} images", err=True)
    return extra
