"""Several networks' scores into one set of detections, and what each network brings to it.

GoogLeNet's paper (arXiv 1409.4842, sections 7 and 8) averages the softmax over networks for
classification and does not say how its detection ensemble averages: the mean of the
probabilities is our choice. It publishes no NMS either; soft-NMS and weighted boxes fusion are
later than it and off unless asked for.
"""

from detect.ensemble.averaging import average
from detect.ensemble.box_fusion import select_fused
from detect.ensemble.combination import Combination, DecayKind, Kind
from detect.ensemble.selection import select
from detect.ensemble.soft_nms import select_softly

__all__ = [
    "Combination",
    "DecayKind",
    "Kind",
    "average",
    "select",
    "select_fused",
    "select_softly",
]
