"""The kinds of stored models: what their cards say, and how a network is built from its card."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from detect.models.box_regression import BoxRegression
from detect.models.cards import Card, ImageClassifierCard, MultiBoxCard, RegionClassifierCard
from detect.models.image_classifier import ImageClassifier
from detect.models.multibox import MultiBox
from detect.models.normalised import NormalisedNetwork
from detect.models.region_classifier import RegionClassifier
from detect.models.shared import SharedNetwork
from detect.models.shared_card import SharedCard
from detect.models.svm import LinearSvms

Network = TypeVar("Network", bound=NormalisedNetwork)
CardOf = TypeVar("CardOf", bound=Card)
Parameters = TypeVar("Parameters", LinearSvms, BoxRegression)


@dataclass(frozen=True)
class Kind(Generic[Network, CardOf]):
    """A kind of network: its `name` in the card, in `words`; its `card`, and what builds it.

    `command` trains it.
    """

    name: str
    words: str
    command: str
    card: type[CardOf]
    build: Callable[[CardOf], Network]


@dataclass(frozen=True)
class FittedKind(Generic[Parameters]):
    """A kind of what is fitted on a network's features: `name` in the file, in `words`.

    `command` writes it; the fields of `parameters` are its tensors, whose `shapes` and types are
    given here: a side is as many as there are "classes" or "features", none of them, and more.
    """

    name: str
    words: str
    command: str
    parameters: type[Parameters]
    shapes: dict[str, tuple[tuple[tuple[str, int], ...], str]]


def _region_classifier(card: RegionClassifierCard) -> RegionClassifier:
    told = (len(card.classes), card.variant, card.width)
    return RegionClassifier(*told, auxiliary=False, regression=card.box_head)


def _image_classifier(card: ImageClassifierCard) -> ImageClassifier:
    return ImageClassifier(len(card.classes), card.variant, card.width, auxiliary=False)


def _multibox(card: MultiBoxCard) -> MultiBox:
    return MultiBox(card.design, torch.empty(card.slots, 4))


def _shared(card: SharedCard) -> SharedNetwork:
    return SharedNetwork(card.design, torch.empty(card.slots, 4))


REGION_CLASSIFIER = Kind(
    "region-classifier",
    "a region classifier",
    "detect train-classifier",
    RegionClassifierCard,
    _region_classifier,
)
IMAGE_CLASSIFIER = Kind(
    "image-classifier",
    "an image classifier",
    "detect pretrain",
    ImageClassifierCard,
    _image_classifier,
)
MULTIBOX = Kind("multibox", "a MultiBox network", "detect train-multibox", MultiBoxCard, _multibox)
SHARED = Kind(
    "shared-detector", "a detector of one trunk", "detect train-shared", SharedCard, _shared
)
KINDS: dict[str, Kind[Any, Any]] = {
    kind.name: kind for kind in (REGION_CLASSIFIER, IMAGE_CLASSIFIER, MULTIBOX, SHARED)
}

_ONE, _FOUR, _CLASSES, _FEATURES = ("", 1), ("", 4), ("classes", 0), ("features", 0)

LINEAR_SVMS = FittedKind(
    "linear-svms",
    "linear SVMs",
    "detect train-svm",
    LinearSvms,
    {
        "scale": ((_ONE,), "float64"),
        "weights": ((_FEATURES, _CLASSES), "float64"),
        "biases": ((_CLASSES,), "float64"),
        "positives": ((_CLASSES,), "int64"),
        "negatives": ((_CLASSES,), "int64"),
    },
)
BOX_REGRESSION = FittedKind(
    "box-regression",
    "a box regression",
    "detect train-regression",
    BoxRegression,
    {
        "scale": ((_ONE,), "float64"),
        "weights": ((_CLASSES, ("features", 1), _FOUR), "float64"),
        "pairs": ((_CLASSES,), "int64"),
    },
)
