"""The protocols that score detections, by name; light, for whoever only names them."""

from typing import Literal, get_args

Protocol = Literal["voc2007", "voc2012", "ilsvrc", "coco"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
