"""Decoded images with their stored proposals, and what is found in them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from detect.data import open_dataset, read_pixels
from detect.detector import RegionScorer
from detect.storage.proposals import ProposalFile
from detect.structures import Dataset, Detections, Image, Proposals

Pairs = Sequence[tuple[Image, Proposals]]


def read_pairs(root: Path, split: str, proposals: Path, count: int) -> tuple[Dataset, Pairs]:
    """Return `count` images of the split, evenly over it, as a set, and read with their boxes."""
    dataset = open_dataset(root, split)
    places = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    dataset = replace(dataset, samples=tuple(dataset.samples[place] for place in places))
    stored = ProposalFile(proposals)
    return dataset, [(read_pixels(one), stored.read(one.image_id)) for one in dataset.samples]


def found_in(scorer: RegionScorer, pairs: Pairs) -> list[Detections]:
    """Return what `scorer` finds in each image."""
    return [found for _, found in scorer.stream(pairs)]
