"""Tables that the recipes of every network share.

Every number that the paper does not give is our choice and says so in its description.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from detect.trunks import EXPECTED, is_variant, timm_name

Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Section(BaseModel):
    """A table of a recipe; unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _what_was_said(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what stands for nothing: recipes without it stay as they are."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name not in self.unsaid()}

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        return set()


class SeededRecipe(Section):
    """A recipe whose network can share its initial weights with others that see other batches.

    `initial_seed` draws the initial weights, `seed` everything else; without it `seed` does both.
    """

    seed: Seed = 0
    initial_seed: Seed | None = None

    @property
    def weights_seed(self) -> int:
        """What draws the initial weights."""
        return self.seed if self.initial_seed is None else self.initial_seed

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        return {"initial_seed"} if self.initial_seed is None else set()


def _variant(value: str) -> str:
    if not is_variant(value):
        raise ValueError(f"expected {EXPECTED}")
    return value


class NetworkSection(Section):
    """Which network: a GoogLeNet, `width` times as wide, or one of timm.

    A network of timm brings the `mean` and `std` of its weights; a recipe may say others.
    """

    variant: Annotated[str, AfterValidator(_variant)] = "bn"
    width: float = Field(1.0, gt=0, le=4)

    @model_validator(mode="after")
    def _one_width(self) -> Self:
        if timm_name(self.variant) and self.width != 1:
            raise ValueError("width is GoogLeNet's: a network of timm has one. Leave it out")
        return self

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        brought = {"mean", "std"} if timm_name(self.variant) else set()
        return super().unsaid() | (brought - self.model_fields_set)


class TransformSection(Section):
    """A pixel-level transform of albumentations: its name, and its arguments by their names.

    Whether there is such a one is found out where crops are made (detect/data/pixel_transforms.py).
    """

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)
    __pydantic_extra__: dict[str, JsonValue]

    name: str


class AugmentSection(Section):
    """Distortions of a crop: arXiv 1409.4842, section 6, after Howard (arXiv 1312.5402).

    `more` transforms follow them, in their order: the paper has none.
    """

    mirror: bool = True
    vertical_mirror: bool = False
    transpose: bool = False
    photometric: bool = True
    photometric_strength: float = Field(0.5, ge=0, le=1)
    more: tuple[TransformSection, ...] = ()

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        return set() if self.more else {"more"}


class CropAugmentSection(AugmentSection):
    """And how a crop is resized: by a kind of interpolation drawn for each (section 6)."""

    random_interpolation: bool = True


class OptimizerSection(Section):
    """SGD with momentum 0.9 and Polyak averaging: arXiv 1409.4842, section 6.

    `adamw` (arXiv 1711.05101) is our choice for small sets; `momentum` is its first beta then.
    `trunk_rate` is the share of the rate that the trunk takes, which is all but the new last layer
    (or MultiBox's head) and the auxiliary classifiers; `frozen_statistics`: its batch norms keep
    and use the mean and variance they began with; `frozen_stages`: that many of its first stages
    stay as they began, a stage ends where maps are halved. `paper` lowers the rate by 4 % every 8
    epochs; an epoch here is as many steps as show every
    positive region once on average. The rates, the weight decay and `cosine` are our choice.
    """

    steps: int = Field(ge=1)
    algorithm: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0)
    schedule: Literal["paper", "cosine"] = "paper"
    warmup_steps: int = Field(0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(0.0005, ge=0)
    averaging: float = Field(0.999, ge=0, lt=1)
    trunk_rate: float = Field(1.0, gt=0, le=1)
    frozen_statistics: bool = False
    frozen_stages: int = Field(0, ge=0)

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        nothing = {"trunk_rate": 1.0, "frozen_statistics": False, "frozen_stages": 0}
        said = {name for name, value in nothing.items() if getattr(self, name) != value}
        return super().unsaid() | (nothing.keys() - said)


class AuxiliaryOptimizerSection(OptimizerSection):
    """And what the loss of each auxiliary classifier counts: section 5."""

    auxiliary_weight: float = Field(0.3, ge=0)


def check_auxiliary(model: NetworkSection, *parts: Section) -> None:
    """Raise ValueError where `parts` say something of the auxiliary classifiers and there is none.

    Only GoogLeNet has them. What a run wrote down says the default.
    """
    for part in parts if timm_name(model.variant) else ():
        for name, field in type(part).model_fields.items():
            if name.startswith("auxiliary_") and getattr(part, name) != field.default:
                raise ValueError(
                    f"{name} is of GoogLeNet's auxiliary classifiers, and {model.variant} has "
                    "none. Leave it out"
                )


class RunSection(Section):
    """How often to validate and to save; neither changes the weights a run ends with."""

    validate_every: int = Field(500, ge=1)
    validation_images: int = Field(10, ge=1)
    save_every: int = Field(200, ge=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
