"""The recipe of a detector of one trunk."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from detect.config.multibox import ObjectiveSection, ProposeSection
from detect.config.region_classifier import RegressionSection, check_bounds
from detect.config.sections import (
    AugmentSection,
    OptimizerSection,
    RunSection,
    Section,
    SeededRecipe,
)

_STRIDE = 16


class SharedModelSection(Section):
    """The network: GoogLeNet, whose maps 4e of a whole image are shared by all its regions.

    Images are warped to `input_size` px wide and `input_height` high, multiples of 16: ours.
    `variant`: paper, bn, torchvision. `dropout` is before the classifier.
    """

    variant: Literal["paper", "bn", "torchvision"] = "bn"
    width: float = Field(1.0, gt=0, le=4)
    input_size: int = Field(512, ge=32, le=1024)
    input_height: int = Field(384, ge=32, le=1024)
    dropout: float = Field(0.2, ge=0, lt=1)
    mean: tuple[float, float, float] = (123.7, 116.3, 103.5)
    std: tuple[float, float, float] = (58.4, 57.1, 57.4)

    @field_validator("input_size", "input_height")
    @classmethod
    def _divides(cls, value: int) -> int:
        if value % _STRIDE:
            raise ValueError(f"needs a multiple of {_STRIDE}, the stride of the maps")
        return value


class GridSection(Section):
    """What the proposing head's slots start from: `shapes`, by k-means, at every place.

    Of `levels` grids, each half as fine as the one before. Ours, as in train-multibox.
    """

    shapes: int = Field(4, ge=1)
    levels: int = Field(2, ge=1, le=4)


class SharedObjectiveSection(ObjectiveSection):
    """What the proposing head minimises, and its `weight` beside the regions' losses.

    As in train-multibox; the defaults are what its recipes for small sets say of the
    convolutional head: ours.
    """

    matching: Literal["prior_l2", "prior_iou", "prediction", "iou"] = "iou"
    encoding: Literal["corners", "centre"] = "centre"
    scale: float = Field(0.1, gt=0)
    alpha: float = Field(1.0, gt=0)
    ignore_iou: float = Field(0.4, ge=0, le=1)
    location: Literal["l2", "smooth_l1"] = "smooth_l1"
    confidence: Literal["log", "focal"] = "focal"
    weight: float = Field(1.0, gt=0)


class SharedSamplingSection(Section):
    """Which `regions` of an image a step shows: Fast R-CNN, arXiv 1504.08083, section 2.3.

    64 of each, a quarter of them objects, from IoU 0.5. Its background has an IoU of 0.1 or more;
    0 is R-CNN's. `class_balance`: each class of an image as often as any other.
    """

    regions: int = Field(64, ge=2)
    foreground_fraction: float = Field(0.25, gt=0, lt=1)
    foreground_iou: float = Field(0.5, gt=0, le=1)
    background_iou: tuple[float, float] = (0.0, 0.5)
    class_balance: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        check_bounds(self.background_iou, self.foreground_iou)
        return self


class SharedRegressionSection(RegressionSection):
    """How the network learns to move boxes, as in train-classifier; here it always does.

    `maps` of a region: 5x5 places of 4e, 2x2 of 5b (torchvision: 3x3).
    """

    kind: Literal["agnostic", "classwise"] = "classwise"


class SharedProposeSection(ProposeSection):
    """How the finished network proposes, as in train-multibox: from the whole image."""

    views: Literal["whole"] = "whole"
    nms: float | Literal["adaptive"] = 0.7


class SharedRecipe(SeededRecipe):
    """Everything `detect train-shared` is told besides the data; `batch_size` images a step."""

    init: str = ""
    classes: tuple[str, ...] = ()
    batch_size: int = Field(4, ge=1)
    model: SharedModelSection = SharedModelSection()
    priors: GridSection = GridSection()
    objective: SharedObjectiveSection = SharedObjectiveSection()
    sampling: SharedSamplingSection = SharedSamplingSection()
    regression: SharedRegressionSection = SharedRegressionSection()
    augment: AugmentSection = AugmentSection()
    propose: SharedProposeSection = SharedProposeSection()
    optimizer: OptimizerSection
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        places = (
            5 if self.regression.maps == "4e" else 3 if self.model.variant == "torchvision" else 2
        )
        if self.regression.grid > places:
            raise ValueError(
                f"regression.grid: a region has {places}x{places} places of the maps "
                f"{self.regression.maps}. Choose a smaller grid"
            )
        if self.augment.transpose and self.model.input_size != self.model.input_height:
            raise ValueError(
                "augment.transpose needs square images: model.input_height = model.input_size"
            )
        return self
