"""The recipe of a region classifier."""

from typing import Any, Literal

from pydantic import Field, model_validator

from detect.config.sections import (
    AuxiliaryOptimizerSection,
    CropAugmentSection,
    NetworkSection,
    RunSection,
    Section,
    SeededRecipe,
    check_auxiliary,
)


class ModelSection(NetworkSection):
    """The network: arXiv 1409.4842, Table 1; input sizes other than 224 px are our choice.

    `variant`: paper, bn, torchvision, or timm/NAME, which brings `mean` and `std` where a recipe
    does not say them. `width` is GoogLeNet's.
    """

    input_size: int = Field(224, ge=32, le=1024)
    dropout: float = Field(0.4, ge=0, lt=1)
    mean: tuple[float, float, float] = (123.7, 116.3, 103.5)
    std: tuple[float, float, float] = (58.4, 57.1, 57.4)


class CropSection(Section):
    """How a region becomes a crop: R-CNN, arXiv 1311.2524, appendix A."""

    context: float = Field(16.0, ge=0, lt=112)
    mode: Literal["warp", "square"] = "warp"
    image_side: int = Field(0, ge=0)


def check_bounds(background: tuple[float, float], foreground: float) -> None:
    """Raise ValueError where the IoU of `background` and of `foreground` are not in order."""
    low, high = background
    if not 0 <= low < high <= foreground:
        raise ValueError("background_iou needs 0 <= low < high <= foreground_iou")


class SamplingSection(Section):
    """Which regions a batch holds: R-CNN, arXiv 1311.2524, section 2.3 (32 + 96 of 128)."""

    batch_size: int = Field(128, ge=2)
    foreground_fraction: float = Field(0.25, gt=0, lt=1)
    foreground_iou: float = Field(0.5, gt=0, le=1)
    background_iou: tuple[float, float] = (0.0, 0.5)
    class_balance: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "SamplingSection":
        check_bounds(self.background_iou, self.foreground_iou)
        return self


class RegressionSection(Section):
    """Whether the network learns to move boxes beside classifying them, and how.

    Fast R-CNN, arXiv 1504.08083, section 2.3, which has a box a class (`classwise`), regions from
    IoU 0.5 and weight 1. `agnostic` is one box for all classes. `maps` of stride 16 (4e) or 32
    (5b), averaged over `grid` x `grid` places: ours, as are their defaults.
    """

    kind: Literal["off", "agnostic", "classwise"] = "off"
    maps: Literal["4e", "5b"] = "4e"
    grid: int = Field(3, ge=1, le=7)
    iou: float = Field(0.5, gt=0, le=1)
    weight: float = Field(1.0, gt=0)


class RegionRunSection(RunSection):
    """And what makes the batches: OpenCV on the CPU, or torch on the device that trains.

    `auto`: torch on a GPU, OpenCV on a CPU and wherever `augment.more` adds transforms. Both show
    the same regions in the same way; levels differ by 1 or 2 of 255 (detect/crops/resampled.py).
    """

    batches: Literal["auto", "opencv", "torch"] = "auto"

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        return super().unsaid() | ({"batches"} if self.batches == "auto" else set())


class RegionClassifierRecipe(SeededRecipe):
    """Everything `detect train-classifier` is told besides the data.

    `ensemble` is read by --ensemble alone: what the 1st, 2nd, ... network is told otherwise.
    """

    init: str = ""
    classes: tuple[str, ...] = ()
    model: ModelSection = ModelSection()
    crops: CropSection = CropSection()
    sampling: SamplingSection = SamplingSection()
    augment: CropAugmentSection = CropAugmentSection()
    regression: RegressionSection = RegressionSection()
    optimizer: AuxiliaryOptimizerSection
    run: RegionRunSection = RegionRunSection()
    ensemble: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _batches_with_transforms(self) -> "RegionClassifierRecipe":
        if self.run.batches == "torch" and self.augment.more:
            raise ValueError(
                'run.batches = "torch" and [[augment.more]] do not go together: these transforms '
                "change crops on the CPU alone. Leave out one of them"
            )
        return self

    @model_validator(mode="after")
    def _auxiliary(self) -> "RegionClassifierRecipe":
        check_auxiliary(self.model, self.optimizer)
        return self

    def unsaid(self) -> set[str]:
        """Return the names of what stands for nothing."""
        nothing = {"ensemble": not self.ensemble, "regression": self.regression.kind == "off"}
        return super().unsaid() | {name for name, is_nothing in nothing.items() if is_nothing}
