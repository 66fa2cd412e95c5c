"""Non-maximum suppression that grows stricter with every box it keeps.

Hosang, Benenson, Dollár, Schiele: What makes for effective detection proposals?, arXiv
1502.05082, section 5.E: a loose threshold first, so that the few best boxes may crowd around an
object, a tighter one for those that follow. As in github.com/pdollar/edges, edgeBoxesMex.cpp.
"""

import numpy as np
from numpy.typing import NDArray

from detect.boxes import Floats, as_columns, iou

# The same repository, edgeBoxes.m: beta and eta for the best average recall.
FIRST_IOU, DECAY = 0.9, 0.9996
LAST_IOU = 0.5  # edgeBoxesMex.cpp tightens no further


def adaptive_nms(boxes: Floats, limit: int) -> NDArray[np.intp]:
    """`boxes` (N, 4), best first -> places (K,) of those kept, best first, K <= `limit`."""
    columns = as_columns(boxes)
    kept: list[int] = []
    highest = np.zeros(len(boxes))  # IoU with any box kept
    threshold, place = FIRST_IOU, 0
    while len(kept) < limit:
        free = np.flatnonzero(highest[place:] <= threshold)
        if len(free) == 0:
            break
        place += int(free[0])
        kept.append(place)
        np.maximum(highest, iou(columns[:, place, None], columns), out=highest)
        place += 1
        if threshold > LAST_IOU:
            threshold *= DECAY
    return np.array(kept, np.intp)
