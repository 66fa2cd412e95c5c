"""How an image falls into superpixels and how they merge, for the page."""

from typing import Any

import numpy as np

from detect.proposals.selective_search import one_hierarchy
from detect.proposals.settings import SearchSettings
from detect.report.explained.packing import packed, smallest_kind
from detect.structures import Image


def packed_superpixels(image: Image, settings: SearchSettings) -> dict[str, Any] | None:
    """Return the hierarchy of the first colour space, k and strategy of `settings`, packed.

    Labels of pixels are differences from the row above, which deflate better; None for an image
    that the search leaves alone. Raises EnvironmentProblem as Selective Search does.
    """
    found = one_hierarchy(image, settings)
    if found is None:
        return None
    labels, boxes, merged = found
    kind = smallest_kind(len(boxes))
    shifted = labels.copy()
    shifted[1:] -= labels[:-1]
    height, width = labels.shape
    return {
        "width": width,
        "height": height,
        "labels": packed(shifted.astype(np.int64) % 2 ** (8 * int(kind[1])), kind),
        "boxes": packed(boxes, "u2"),
        "merged": packed(merged, kind),
        "colourSpace": settings.colour_spaces[0],
        "k": settings.ks[0],
        "strategy": settings.strategies[0],
    }
