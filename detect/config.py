"""Recipes: TOML files checked by pydantic, changed from the command line by --set a.b=3.

Every number that the paper does not give is our choice and says so in its description.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from detect.errors import DataError, UsageError

Fraction = Field(ge=0, le=1)


class Section(BaseModel):
    """A table of a recipe; unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section):
    """The network: arXiv 1409.4842, Table 1; input sizes other than 224 px are our choice."""

    variant: Literal["paper", "bn", "torchvision"] = "bn"
    width: float = Field(1.0, gt=0, le=4)
    input_size: int = Field(224, ge=32, le=1024)
    dropout: float = Field(0.4, ge=0, lt=1)
    mean: tuple[float, float, float] = (123.7, 116.3, 103.5)
    std: tuple[float, float, float] = (58.4, 57.1, 57.4)


class CropSection(Section):
    """How a region becomes a crop: R-CNN, arXiv 1311.2524, appendix A."""

    context: float = Field(16.0, ge=0, lt=112)
    mode: Literal["warp", "square"] = "warp"
    image_side: int = Field(0, ge=0)


class SamplingSection(Section):
    """Which regions a batch holds: R-CNN, arXiv 1311.2524, section 2.3 (32 + 96 of 128)."""

    batch_size: int = Field(128, ge=2)
    foreground_fraction: float = Field(0.25, gt=0, lt=1)
    foreground_iou: float = Field(0.5, gt=0, le=1)
    background_iou: tuple[float, float] = (0.0, 0.5)
    class_balance: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "SamplingSection":
        low, high = self.background_iou
        if not 0 <= low < high <= self.foreground_iou:
            raise ValueError("background_iou needs 0 <= low < high <= foreground_iou")
        return self


class AugmentSection(Section):
    """Distortions of a crop: arXiv 1409.4842, section 6, after Howard (arXiv 1312.5402)."""

    mirror: bool = True
    vertical_mirror: bool = False
    transpose: bool = False
    photometric: bool = True
    photometric_strength: float = Field(0.5, ge=0, le=1)
    random_interpolation: bool = True


class OptimizerSection(Section):
    """SGD with momentum 0.9 and Polyak averaging: arXiv 1409.4842, section 6.

    `paper` lowers the rate by 4 % every 8 epochs; an epoch here is as many steps as show every
    positive region once on average. The rates, the weight decay and `cosine` are our choice.
    """

    steps: int = Field(ge=1)
    learning_rate: float = Field(0.01, gt=0)
    schedule: Literal["paper", "cosine"] = "paper"
    warmup_steps: int = Field(0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0005, ge=0)
    averaging: float = Field(0.999, ge=0, lt=1)
    auxiliary_weight: float = Field(0.3, ge=0)


class RunSection(Section):
    """How often to validate and to save; neither changes the weights a run ends with."""

    validate_every: int = Field(500, ge=1)
    validation_images: int = Field(10, ge=1)
    save_every: int = Field(200, ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"


class ClassifierRecipe(Section):
    """Everything `detect train-classifier` is told besides the data."""

    seed: int = 0
    init: str = ""
    classes: tuple[str, ...] = ()
    model: ModelSection = ModelSection()
    crops: CropSection = CropSection()
    sampling: SamplingSection = SamplingSection()
    augment: AugmentSection = AugmentSection()
    optimizer: OptimizerSection
    run: RunSection = RunSection()


Recipe = TypeVar("Recipe", bound=Section)


def load_recipe(kind: type[Recipe], path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read the TOML file `path`, apply `changes` ("a.b=3") and check the whole.

    Raises DataError for a file that is missing or wrong, UsageError for a wrong change.
    """
    values = _read_toml(path)
    try:
        kind.model_validate(values)
    except ValidationError as error:
        raise DataError(f"{path}: {_first_problem(kind, error)}") from None
    for change in changes:
        _apply(values, change)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"--set: {_first_problem(kind, error)}") from None


def to_toml(recipe: Section) -> str:
    """Return `recipe` as TOML text that load_recipe reads back to an equal one."""
    return "\n".join(_lines(recipe.model_dump(mode="json"), "")) + "\n"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: cannot read this recipe: {reason}.") from None
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not valid TOML: {error}.") from None


def _apply(values: dict[str, Any], change: str) -> None:
    """Set one "a.b=3" in `values`; the value is TOML, or a bare word taken as a string."""
    name, equals, text = change.partition("=")
    if not equals or not name.strip():
        raise UsageError(f"--set {change}: expected NAME=VALUE, for example optimizer.steps=900.")
    *tables, key = name.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UsageError(f"--set {change}: {table} is a value, not a table.")
    values[key] = _parse_value(text.strip())


def _parse_value(text: str) -> Any:
    """Return a TOML value; what TOML does not take is a bare word, or a list of them."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        if text.startswith("[") and text.endswith("]"):
            return [word.strip().strip("\"'") for word in text[1:-1].split(",") if word.strip()]
        return text


def _first_problem(kind: type[Section], error: ValidationError) -> str:
    """Say the first problem of `error`: where, what was expected, what was got."""
    # An unknown key first: it is why a required one of nearly the same name is missing.
    problem = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    where = ".".join(str(part) for part in problem["loc"]) or "the recipe"
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, list(_names(kind)), 1, 0.4)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"unknown key {where}.{hint}"
    got = "" if problem["type"] == "missing" else f", got {problem['input']!r}"
    return f"{where}: {problem['msg']}{got}."


def _names(kind: type[Section], prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every key of `kind`."""
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _names(inner, f"{prefix}{name}.")
        elif not any(isinstance(arg, type) and issubclass(arg, Section) for arg in get_args(inner)):
            yield prefix + name


def _lines(values: dict[str, Any], table: str) -> Iterator[str]:
    """Yield TOML lines: plain keys first, then the tables."""
    for key, value in values.items():
        if not isinstance(value, dict):
            # JSON's numbers, strings, booleans and lists of them are TOML as well.
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in values.items():
        if isinstance(value, dict):
            name = f"{table}{key}"
            yield from ("", f"[{name}]")
            yield from _lines(value, f"{name}.")
