"""GoogLeNet's ILSVRC14 detection entry (arXiv 1409.4842, section 8) as software.

    import detect

    found = detect.load("runs/mine")("photo.jpg")
    print(found)

What is here is loaded when it is first used; what the other commands do is in `detect.stages`.
Conventions (boxes, images, labels) are stated once, in docs/conventions.md.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detect.data import open_dataset
    from detect.stages.evaluate import evaluate
    from detect.stages.load import Detector, load
    from detect.stages.propose import propose
    from detect.stages.train import train
    from detect.stages.train_classifier import train_classifier
    from detect.stages.train_multibox import train_multibox
    from detect.structures import Dataset, Detections, Proposals
    from detect.visualize import draw

__version__ = version("detect")

__all__ = [
    "Dataset",
    "Detections",
    "Detector",
    "Proposals",
    "draw",
    "evaluate",
    "load",
    "open_dataset",
    "propose",
    "train",
    "train_classifier",
    "train_multibox",
]

# Where each name is. None may be a sub-package's: importing that would take its place here.
_PLACES = {
    "Dataset": "detect.structures",
    "Detections": "detect.structures",
    "Detector": "detect.stages.load",
    "Proposals": "detect.structures",
    "draw": "detect.visualize",
    "evaluate": "detect.stages.evaluate",
    "load": "detect.stages.load",
    "open_dataset": "detect.data",
    "propose": "detect.stages.propose",
    "train": "detect.stages.train",
    "train_classifier": "detect.stages.train_classifier",
    "train_multibox": "detect.stages.train_multibox",
}


def __getattr__(name: str) -> Any:
    """Import `name` where it is, the first time it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    """Return what is here already, and what can be."""
    return sorted({*globals(), *__all__})
