"""What stored models say about themselves: all that is needed to use them besides weights."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self, get_origin

import torch

from detect.errors import DataError
from detect.models import card_checks as check
from detect.models.box_coder import ENCODINGS, BoxCoder
from detect.models.box_head import MOST_PLACES, REGRESSIONS, BoxHeadDesign
from detect.models.card_checks import Checks
from detect.models.googlenet import SMALLEST_INPUT
from detect.models.multibox import HEADS, TAPS, MultiBoxDesign
from detect.models.normalised import GoogLeNetDesign, NormalisedNetwork
from detect.proposals.views import VIEWS
from detect.reading import shown
from detect.trunks import EXPECTED, is_variant, timm_name

CROP_MODES = ("warp", "square")
_HALF_CROP = 112  # px of a crop of 224: more on both sides would leave no room for the box.
_REMEDY = "is this card of another version of detect, or edited by hand?"


@dataclass(frozen=True, kw_only=True)
class Card:
    """The fields that every kind of model has.

    `variant`, `width` of GoogLeNet, or timm/NAME; `input_size` px of a side; `mean`, `std` (3,) RGB
    in 0..255 units; `recipe` how it was trained; `metrics` what it scored. Raises ValueError
    naming the field that is wrong.
    """

    variant: str
    width: float
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    CHECKS: ClassVar[Checks] = {
        "variant": (is_variant, EXPECTED),
        "width": (
            check.is_number(check.SMALLEST, check.WIDEST),
            f"a positive number up to {check.WIDEST}",
        ),
        "input_size": (
            check.is_count(SMALLEST_INPUT, check.LARGEST_INPUT),
            f"a whole number from {SMALLEST_INPUT} to {check.LARGEST_INPUT}",
        ),
        "mean": (check.is_triple(-check.LARGEST), "three numbers"),
        "std": (check.is_triple(check.SMALLEST), "three positive numbers"),
        "recipe": (lambda value: isinstance(value, dict), "a table"),
        "metrics": (lambda value: isinstance(value, dict), "a table"),
    }

    def __post_init__(self) -> None:
        """Turn lists into tuples and check every field."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, list) and get_origin(entry.type) is tuple:
                object.__setattr__(self, entry.name, tuple(value))
        for name, (is_right, expected) in self.CHECKS.items():
            value = getattr(self, name)
            if not is_right(value):
                raise ValueError(f"{name}: expected {expected}, got {shown(value)}")
        if timm_name(self.variant) and self.width != 1:
            raise ValueError(f"width: expected 1 of a network of timm, got {self.width:g}")

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Self:
        """Build a card from JSON `values`; DataError naming `where` and the key that is wrong."""
        names = {entry.name for entry in fields(cls)}
        if unknown := sorted(values.keys() - names):
            raise DataError(f"{where}: unknown key {shown(unknown[0])}; {_REMEDY}")
        if missing := sorted(names - values.keys()):
            raise DataError(f"{where}: key {missing[0]!r} is missing; {_REMEDY}")
        try:
            return cls(**values)
        except ValueError as error:
            raise DataError(f"{where}: {error}; {_REMEDY}") from error

    @property
    def design(self) -> GoogLeNetDesign | MultiBoxDesign:
        """What decides the shape of the network."""
        raise NotImplementedError

    def check_describes(self, model: NormalisedNetwork) -> None:
        """Raise ValueError where `model` is another network, or normalises otherwise."""
        if self.design != model.design:
            raise ValueError(f"card: {self.design}, the model has {model.design}")
        for name in ("mean", "std"):
            own = getattr(model, name)
            if not torch.allclose(own.cpu(), torch.tensor(getattr(self, name), dtype=own.dtype)):
                given = getattr(self, name)
                raise ValueError(f"card.{name}: {given}, the model has {own.tolist()}")


@dataclass(frozen=True, kw_only=True)
class NamedClassesCard(Card):
    """What the cards of both kinds of classifiers have.

    `classes` names in the order of its outputs, background aside. The other fields are Card's.
    """

    classes: tuple[str, ...]

    CHECKS: ClassVar[Checks] = {
        **Card.CHECKS,
        "classes": (check.are_names, check.CLASSES),
    }

    @property
    def design(self) -> GoogLeNetDesign:
        """What decides the shape of the network."""
        return GoogLeNetDesign(self.variant, self.width, len(self.classes))


@dataclass(frozen=True, kw_only=True)
class ImageClassifierCard(NamedClassesCard):
    """Everything besides weights that is needed to classify images."""


@dataclass(frozen=True, kw_only=True)
class RegionClassifierCard(NamedClassesCard):
    """Everything besides weights that is needed to use a region classifier.

    `context` px around the box in a crop of 224; `crop_mode` "warp" or "square"; `image_side`
    longest side px images are shrunk to before cropping, 0 for full resolution; `regression`
    "agnostic" or "classwise" of a network that moves boxes, by `regression_grid` x
    `regression_grid` places of its `regression_maps`; "off", which no card says, of others. The
    other fields are NamedClassesCard's.
    """

    context: float
    crop_mode: str
    image_side: int
    regression: str = "off"
    regression_maps: str = "5b"
    regression_grid: int = 1

    CHECKS: ClassVar[Checks] = {
        **NamedClassesCard.CHECKS,
        "context": (
            lambda value: check.is_number(0, _HALF_CROP)(value) and value < _HALF_CROP,
            f"a number from 0, below {_HALF_CROP}",
        ),
        "crop_mode": check.one_of(CROP_MODES),
        "image_side": (check.is_count(0, 2**31), "a whole number from 0"),
        "regression": check.one_of(("off", *REGRESSIONS)),
        "regression_maps": check.one_of(TAPS),
        "regression_grid": check.whole(1, MOST_PLACES),
    }
    _OF_REGRESSION: ClassVar = ("regression", "regression_maps", "regression_grid")

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values: of a network that moves no boxes as ever."""
        values = super().to_json()
        left_out = self._OF_REGRESSION if self.box_head is None else ()
        return {name: value for name, value in values.items() if name not in left_out}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Self:
        """Build a card from JSON `values`, which need not speak of regression."""
        if not values.keys() & set(cls._OF_REGRESSION):
            values = {**values, **{name: getattr(cls, name) for name in cls._OF_REGRESSION}}
        return super().from_json(values, where)

    @property
    def box_head(self) -> BoxHeadDesign | None:
        """The shape of what moves boxes; None where nothing does."""
        if self.regression == "off":
            return None
        return BoxHeadDesign(self.regression, self.regression_maps, self.regression_grid)

    @property
    def design(self) -> GoogLeNetDesign:
        """What decides the shape of the network."""
        return GoogLeNetDesign(self.variant, self.width, len(self.classes), self.box_head)


@dataclass(frozen=True, kw_only=True)
class MultiBoxCard(Card):
    """Everything besides weights that is needed to propose with a MultiBox network.

    `head`, `until`, `slots`, `levels`, `shapes`: see MultiBoxDesign; `encoding`, `scale`: see
    BoxCoder; `views` of an image that are looked at (proposals/views.py); `per_view` boxes kept of
    each; `nms` IoU, 0 for the adaptive kind; `boxes` an image; `fold` "I/N": the images it did not
    see in training (data/folds.py), "" for none. The other fields are Card's.
    """

    head: str
    until: str
    slots: int
    levels: int
    shapes: int
    encoding: str
    scale: float
    views: str
    per_view: int
    nms: float
    boxes: int
    fold: str = ""

    CHECKS: ClassVar[Checks] = {
        **Card.CHECKS,
        "head": check.one_of(HEADS),
        "until": check.one_of(TAPS),
        "slots": check.whole(1, check.MOST_SLOTS),
        "levels": check.whole(0, 6),
        "shapes": check.whole(0, check.MOST_SLOTS),
        "encoding": check.one_of(ENCODINGS),
        "scale": (check.is_number(check.SMALLEST, check.LARGEST), "a positive number"),
        "views": check.one_of(VIEWS),
        "per_view": (check.is_count(1, 2**31), "a whole number from 1"),
        "nms": (check.is_number(0, 1), "a number from 0 to 1"),
        "boxes": (check.is_count(1, 2**31), "a whole number from 1"),
        "fold": (check.is_fold, "I/N with I from 1 to N, such as 1/2, or nothing"),
    }

    def __post_init__(self) -> None:
        """Check every field, and that they make a design."""
        super().__post_init__()
        _ = self.design

    @property
    def design(self) -> MultiBoxDesign:
        """The shape of the network."""
        return MultiBoxDesign(
            variant=self.variant,
            width=self.width,
            head=self.head,  # type: ignore[arg-type]
            until=self.until,
            input_size=self.input_size,
            slots=self.slots,
            levels=self.levels,
            shapes=self.shapes,
            coder=BoxCoder(self.encoding, self.scale),  # type: ignore[arg-type]
        )
