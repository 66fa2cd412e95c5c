"""All that a page holds of one image."""

import json
from dataclasses import dataclass
from typing import Any

from detect.data import read_pixels
from detect.proposals.settings import SearchSettings
from detect.report.explained.regions import MOST_BYTES, packed_regions
from detect.report.explained.superpixels import packed_superpixels
from detect.report.images import jpeg_url
from detect.storage.scores import RegionScores
from detect.storage.scores_card import ScoresCard
from detect.structures import Annotations, Sample


@dataclass(frozen=True, eq=False)
class Naming:
    """What numbers in a page mean: `classes`, the scores' columns first, and `sources`.

    `labels` are the places in `classes` of the data set's classes.
    """

    classes: tuple[str, ...]
    sources: tuple[str, ...]
    labels: tuple[int, ...]

    @classmethod
    def of(cls, card: ScoresCard, classes: tuple[str, ...], sources: tuple[str, ...]) -> "Naming":
        """Return the naming of scores by `card` of a data set with `classes`."""
        known = tuple(dict.fromkeys((*card.columns, *classes)))
        return cls(known, sources, tuple(known.index(name) for name in classes))


def packed_image(
    sample: Sample,
    why: str,
    row: RegionScores,
    card: ScoresCard,
    naming: Naming,
    search: SearchSettings | None,
) -> dict[str, Any]:
    """Return what the page holds of `sample`, which is shown because it is `why`.

    Superpixels by `search`, if any. DataError for an image that cannot be read.
    """
    pixels = read_pixels(sample)
    superpixels = None if search is None else packed_superpixels(pixels, search)
    taken = 0 if superpixels is None else len(json.dumps(superpixels)) * 3 // 4
    regions, _ = packed_regions(row, card, naming.sources, MOST_BYTES - taken)
    return {
        "id": sample.image_id,
        "why": why,
        "width": row.size[1],
        "height": row.size[0],
        "photo": jpeg_url(pixels),
        "truth": _truth(sample.annotations, naming.labels),
        "superpixels": superpixels,
        **regions,
    }


def _truth(annotations: Annotations, labels: tuple[int, ...]) -> dict[str, Any]:
    return {
        "boxes": annotations.boxes.tolist(),
        "labels": [labels[label] for label in annotations.labels.tolist()],
        "difficult": annotations.difficult.tolist(),
        "crowd": annotations.crowd.tolist(),
        "ids": annotations.ids.tolist(),
    }
