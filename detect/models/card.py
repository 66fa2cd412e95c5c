"""What a stored model says about itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Self, get_origin

import torch

from detect.errors import DataError
from detect.models.googlenet import SMALLEST_INPUT
from detect.models.normalised import NormalisedNetwork
from detect.models.variants import VARIANTS

CROP_MODES = ("warp", "square")
_REMEDY = "is this card of another version of detect, or edited by hand?"

# A field's name -> whether a value is right, and what is expected.
Checks = dict[str, tuple[Callable[[Any], bool], str]]


def is_number(value: object) -> bool:
    """Tell whether `value` is a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: object) -> bool:
    """Tell whether `value` is a whole number from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_triple(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(is_number, value))


def _are_names(value: object) -> bool:
    if not isinstance(value, tuple) or not all(isinstance(name, str) and name for name in value):
        return False
    return len(value) == len(set(value)) > 0


def one_of(names: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    """Return the check of a field that takes one of `names`."""
    return lambda value: isinstance(value, str) and value in names, f"one of {', '.join(names)}"


@dataclass(frozen=True, kw_only=True)
class Card:
    """The fields that every kind of model has.

    `variant`, `width` of GoogLeNet; `input_size` px of the input's side; `mean`, `std` (3,) RGB in
    0..255 units; `recipe` how it was trained; `metrics` what it scored. Raises ValueError naming
    the field that is wrong.
    """

    variant: str
    width: float
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    CHECKS: ClassVar[Checks] = {
        "variant": one_of(tuple(VARIANTS)),
        "width": (lambda value: is_number(value) and value > 0, "a positive number"),
        "input_size": (
            lambda value: is_count(value) and value >= SMALLEST_INPUT,
            f"a whole number of at least {SMALLEST_INPUT}",
        ),
        "mean": (_is_triple, "three numbers"),
        "std": (lambda value: _is_triple(value) and min(value) > 0, "three positive numbers"),
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
                raise ValueError(f"{name}: expected {expected}, got {value!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> Self:
        """Build a card from JSON `values`; DataError naming `where` and the key that is wrong."""
        names = {entry.name for entry in fields(cls)}
        if unknown := sorted(values.keys() - names):
            raise DataError(f"{where}: unknown key {unknown[0]!r}; {_REMEDY}")
        if missing := sorted(names - values.keys()):
            raise DataError(f"{where}: key {missing[0]!r} is missing; {_REMEDY}")
        try:
            return cls(**values)
        except ValueError as error:
            raise DataError(f"{where}: {error}; {_REMEDY}") from error

    def check_normalisation(self, model: NormalisedNetwork) -> None:
        """Raise ValueError where `model` normalises otherwise than the card says."""
        for name in ("mean", "std"):
            own = getattr(model, name)
            if not torch.allclose(own.cpu(), torch.tensor(getattr(self, name), dtype=own.dtype)):
                given = getattr(self, name)
                raise ValueError(f"card.{name}: {given}, the model has {own.tolist()}")


@dataclass(frozen=True, kw_only=True)
class ModelCard(Card):
    """Everything besides weights that is needed to use a region classifier.

    `classes` foreground names in the order of its outputs; `context` px around the box in a crop
    of 224; `crop_mode` "warp" or "square"; `image_side` longest side px images are shrunk to
    before cropping, 0 for full resolution. The other fields are Card's.
    """

    classes: tuple[str, ...]
    context: float
    crop_mode: str
    image_side: int

    CHECKS: ClassVar[Checks] = {
        **Card.CHECKS,
        "classes": (_are_names, "a list of different class names"),
        "context": (lambda value: is_number(value) and value >= 0, "a number from 0"),
        "crop_mode": one_of(CROP_MODES),
        "image_side": (is_count, "a whole number from 0"),
    }
