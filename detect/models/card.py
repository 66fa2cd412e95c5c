"""What a stored model says about itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from detect.errors import DataError
from detect.models.googlenet import SMALLEST_INPUT
from detect.models.variants import VARIANTS

CROP_MODES = ("warp", "square")


@dataclass(frozen=True)
class ModelCard:
    """Everything besides weights that is needed to use a region classifier.

    `classes` foreground names in the order of its outputs; `input_size` px of a crop's side;
    `mean`, `std` (3,) RGB in 0..255 units; `context` px around the box in a crop of 224;
    `crop_mode` "warp" or "square"; `image_side` longest side px images are shrunk to before
    cropping, 0 for full resolution; `recipe` how it was trained; `metrics` what it scored.
    Raises ValueError naming the field that is wrong.
    """

    variant: str
    width: float
    classes: tuple[str, ...]
    input_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context: float
    crop_mode: str
    image_side: int
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Turn lists into tuples and check every field."""
        for name in ("classes", "mean", "std"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        for name, (is_right, expected) in _CHECKS.items():
            value = getattr(self, name)
            if not is_right(value):
                raise ValueError(f"{name}: expected {expected}, got {value!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the card as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], where: str) -> "ModelCard":
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


_REMEDY = "is this card of another version of detect, or edited by hand?"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_triple(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 3 and all(map(_is_number, value))


def _are_names(value: object) -> bool:
    if not isinstance(value, tuple) or not all(isinstance(name, str) and name for name in value):
        return False
    return len(value) == len(set(value)) > 0


_CHECKS: dict[str, tuple[Any, str]] = {
    "variant": (
        lambda value: isinstance(value, str) and value in VARIANTS,
        f"one of {', '.join(VARIANTS)}",
    ),
    "width": (lambda value: _is_number(value) and value > 0, "a positive number"),
    "classes": (_are_names, "a list of different class names"),
    "input_size": (
        lambda value: _is_size(value) and value >= SMALLEST_INPUT,
        f"a whole number of at least {SMALLEST_INPUT}",
    ),
    "mean": (_is_triple, "three numbers"),
    "std": (lambda value: _is_triple(value) and min(value) > 0, "three positive numbers"),
    "context": (lambda value: _is_number(value) and value >= 0, "a number from 0"),
    "crop_mode": (lambda value: value in CROP_MODES, f"one of {', '.join(CROP_MODES)}"),
    "image_side": (_is_size, "a whole number from 0"),
    "recipe": (lambda value: isinstance(value, dict), "a table"),
    "metrics": (lambda value: isinstance(value, dict), "a table"),
}
