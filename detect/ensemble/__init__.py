"""Several networks' scores into one set of detections, and what each network brings to it.

GoogLeNet's paper (arXiv 1409.4842, sections 7 and 8) averages the softmax over networks for
classification and does not say how its detection ensemble averages: the mean of the
probabilities is our choice. It publishes no NMS either; soft-NMS, weighted boxes fusion and
voting are later than it.
"""

from detect.ensemble.averaging import average
from detect.ensemble.box_fusion import select_fused
from detect.ensemble.combination import Combination
from detect.ensemble.moving import moved
from detect.ensemble.selection import select
from detect.ensemble.soft_nms import select_softly
from detect.ensemble.voting import vote

__all__ = [
    "Combination",
    "average",
    "moved",
    "select",
    "select_fused",
    "select_softly",
    "vote",
]
