"""Selective Search of our own grouping: OpenCV's boxes, in a fraction of its time.

Uijlings, van de Sande, Gevers, Smeulders, IJCV 2013, in the arithmetic of OpenCV's
selectivesearchsegmentation.cpp. Its loops are compiled by numba: import this only to search.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from detect.proposals.search.grouping import group
from detect.proposals.search.regions import Appearance
from detect.proposals.search.segmentation import EdgeGraph
from detect.proposals.search.similarity import Measures

_BY_SIZE: Measures = (False, False, True, False)


def hierarchies(
    images: Sequence[NDArray[np.uint8]],
    ks: Sequence[float],
    sigma: float,
    strategies: Sequence[Measures],
) -> Iterator[NDArray[np.int32]]:
    """Yield the hierarchy of each of `images`, `ks` and `strategies`: boxes xyxy px (N, 4).

    `images` are one picture (H, W) or (H, W, C) in several colour spaces; `sigma` px. The boxes
    are in order of making: the segments, from the top left, then each that two were merged into.
    """
    for image in images:
        graph, appearance = EdgeGraph(image, sigma), Appearance(image)
        for k in ks:
            regions = appearance.regions(graph.segment(float(k), int(k)))
            for measures in strategies:
                yield group(regions, measures)[0]


def hierarchy(
    image: NDArray[np.uint8], k: float, sigma: float, measures: Measures
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the segments of `image` (H, W) or (H, W, C) and how they merge.

    `labels` (H, W); `boxes` (N, 4) as in `hierarchies`; `merged` (N - segments, 2), which two of
    them became each of the later boxes.
    """
    labels = EdgeGraph(image, sigma).segment(float(k), int(k))
    boxes, merged, _ = group(Appearance(image).regions(labels), measures)
    return labels, boxes, merged


def prepare() -> None:
    """Compile everything, or load what an earlier call has left; the search then takes its time.

    The picture has equal edges that decide and equal similarities, so that no loop is left out.
    """
    picture = np.kron(np.indices((8, 8)).sum(axis=0) % 2 * 200, np.ones((3, 3))).astype(np.uint8)
    for _ in hierarchies([picture], [1, 20], 0.5, [_BY_SIZE]):
        pass
