"""Raw priors as proposals: the control that a trained MultiBox has to beat.

    python tools/prior_proposals.py DATA --train train --split test [--with P] --out Q

Fits K boxes by k-means to the boxes of one split, exactly as `detect train-multibox` does for its
fully connected head, and gives every image of another split the same K, largest first. With
`--with` they are appended to stored proposals, near duplicates removed, as
`detect propose --method both` appends MultiBox's.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from detect.data import data_hash, image_size, open_dataset
from detect.errors import DetectError
from detect.models.priors import fit_priors
from detect.proposals.merge import merge
from detect.proposals.views import to_image
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Dataset, FloatArray, Proposals
from detect.training.window_data import collect_windows

SOURCE = "priors"
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("data", type=PATH)
@click.option("--train", required=True, help="Split whose boxes the priors are fitted to.")
@click.option("--split", required=True, help="Split to propose for.")
@click.option("--with", "first", type=PATH, help="Proposals to append them to.")
@click.option("--out", type=PATH, required=True)
@click.option("--count", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def main(
    data: Path, train: str, split: str, first: Path | None, out: Path, count: int, seed: int
) -> None:
    """Write the same priors for every image of a split."""
    try:
        priors = fit_priors(collect_windows(open_dataset(data, train)).fractions(), count, seed)
        target = open_dataset(data, split)
        stored = ProposalFile(first) if first else None
        recipe = {
            "method": SOURCE if stored is None else f"{stored.recipe['method']} + {SOURCE}",
            "parameters": {"count": count, "seed": seed, "train": train},
            "first": stored.recipe if stored else {},
            "data": data_hash(target),
            "images": len(target),
        }
        write_proposals(out, propose(target, priors, stored), recipe)
    except DetectError as error:
        raise SystemExit(f"Error: {error.for_command_line}") from None
    click.echo(f"{len(target)} images, {count} priors each: {out}")


def propose(
    dataset: Dataset, priors: FloatArray, first: ProposalFile | None
) -> Iterator[Proposals]:
    """Yield the `priors` (K, 4), fractions of the image, for every image, after `first`'s boxes."""
    for sample in dataset.samples:
        size = image_size(sample)
        height, width = size
        boxes = to_image(np.clip(priors, np.float32(0), np.float32(1)), (0, 0, width, height))
        # No prior is better than another: they keep their order.
        scores = np.linspace(1, 0, len(boxes), endpoint=False).astype(np.float32)
        names = np.full(len(boxes), SOURCE)
        own = Proposals(sample.image_id, size, boxes, scores, names)
        yield own if first is None else merge(first.read(sample.image_id, size), own)


if __name__ == "__main__":
    main()
