"""What --skip-bad does: bad images are left out before the work begins, and counted."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from detect.cli.progress import track
from detect.errors import DataError

if TYPE_CHECKING:
    from detect.regions import Dataset
    from detect.storage.proposals import ProposalFile


def open_data(root: Path, split: str | None, *, skip_bad: bool) -> "Dataset":
    """Read one split of the data set `root` as `open_dataset` does.

    With `skip_bad` every image is decoded once, so that all commands leave out the same ones.
    (`propose` and `train-svm` find them on the way: what they did without them is kept.)
    """
    from detect.data import open_dataset

    return usable(open_dataset(root, split, skip_bad=skip_bad), skip_bad=skip_bad)


def usable(dataset: "Dataset", *, skip_bad: bool) -> "Dataset":
    """Return `dataset`, with `skip_bad` without undecodable images; say what is left out."""
    from detect.data import without_undecodable

    if skip_bad:
        samples = track(dataset.samples, len(dataset), "checking images")
        dataset = without_undecodable(dataset, samples)
    warn_skipped(dataset.skipped)
    return dataset


def proposed(dataset: "Dataset", files: Sequence["ProposalFile"]) -> "Dataset":
    """Return `dataset` without the images that one of `files` lacks: `propose` left them out."""
    kept = tuple(s for s in dataset.samples if all(s.image_id in file for file in files))
    missing = {s.image_id for s in dataset.samples} - {s.image_id for s in kept}
    if not kept:
        raise DataError(f"{files[0].path}: no proposals for any image of split {dataset.split}.")
    warn_skipped([f"no proposals for image {image_id}" for image_id in sorted(missing)])
    return replace(dataset, samples=kept)


def warn(text: str) -> None:
    """Print a warning on stderr."""
    click.echo(f"Warning: {text}", err=True)


def warn_skipped(reasons: Sequence[str]) -> None:
    """Say what was left out under --skip-bad, a line each, and how many in all."""
    for reason in reasons:
        warn(f"left out: {reason}")
    if reasons:
        warn(f"images left out (--skip-bad): {len(reasons)}.")
