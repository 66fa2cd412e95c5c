"""The recipe of a MultiBox network."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from detect.config.sections import (
    AugmentSection,
    NetworkSection,
    OptimizerSection,
    RunSection,
    Section,
    Seed,
)


class MultiBoxModelSection(NetworkSection):
    """Trunk and head: GoogLeNet to `until`, then head "fc" (A) or "conv" (C).

    A is the published one (arXiv 1412.1441 as described in arXiv 1506.01497, footnote 6), C with
    `levels` grids of `shapes` slots a place is our choice, as is everything it needs. `dropout` is
    before A's outputs; C has none. `variant`: paper, bn, torchvision, or timm/NAME; of that `until`
    means the maps of stride 16 (4e) or 32 (5b).
    """

    head: Literal["fc", "conv"] = "fc"
    until: Literal["4e", "5b"] = "5b"
    input_size: int = Field(224, ge=32, le=1024)
    dropout: float = Field(0.0, ge=0, lt=1)
    mean: tuple[float, float, float] = (123.7, 116.3, 103.5)
    std: tuple[float, float, float] = (58.4, 57.1, 57.4)


class PriorSection(Section):
    """What the slots start from, by k-means: `count` whole boxes (fc) or `shapes` (conv).

    200 for sets under 1,000 images is our choice; the published line went to 800.
    """

    count: int = Field(200, ge=1)
    shapes: int = Field(4, ge=1)
    levels: int = Field(1, ge=1, le=6)


class ObjectiveSection(Section):
    """F = alpha * F_match + F_conf: arXiv 1312.2249, equations 1 to 4.

    `matching`: which slot stands for which box. `prior_l2` (the paper's training fix), `prior_iou`
    and `prediction` (equation 4) are one to one; `iou` gives a box every slot whose prior overlaps
    it by `positive_iou`, and the best one (SSD, arXiv 1512.02325, section 2.2). `encoding`
    `corners` with `scale` 0.01 is Google's release, with 1 the literal paper; `centre` is Faster
    R-CNN's. Unmatched slots whose prior overlaps a box above `ignore_iou` are neither (0: none).
    """

    matching: Literal["prior_l2", "prior_iou", "prediction", "iou"] = "prior_l2"
    encoding: Literal["corners", "centre"] = "corners"
    scale: float = Field(0.01, gt=0)
    alpha: float = Field(0.3, gt=0)
    positive_iou: float = Field(0.5, gt=0, le=1)
    ignore_iou: float = Field(0.0, ge=0, le=1)
    location: Literal["l2", "smooth_l1"] = "l2"
    confidence: Literal["log", "focal"] = "log"


class WindowSection(Section):
    """What a training sample shows: the whole image or a square of it, warped.

    Squares have sides from `smallest` to 1 times the image's shorter side, and show an object
    where there is one. A box belongs to a square if its centre is inside or half of it is visible.
    `box_jitter` moves each side of a box by up to that share of its length, in half of the
    samples. All ours: the paper gives no more than "square crops".
    """

    whole: float = Field(0.5, ge=0, le=1)
    smallest: float = Field(0.5, gt=0, le=1)
    box_jitter: float = Field(0.0, ge=0, le=0.25)


class ProposeSection(Section):
    """How the finished network proposes; kept in the model, changed by options of the commands.

    Whole image and largest squares, NMS 0.5 and the best 200 are the paper's and MultiBox's;
    `nms` "adaptive" is Edge Boxes' (Zitnick and Dollár 2014).
    """

    views: Literal["whole", "squares", "dense"] = "squares"
    per_view: int = Field(200, ge=1)
    nms: float | Literal["adaptive"] = 0.5
    boxes: int = Field(200, ge=1)

    @field_validator("nms", mode="before")
    @classmethod
    def _in_range(cls, value: object) -> object:
        number = isinstance(value, int | float) and 0 < value <= 1
        if not number and value != "adaptive":
            raise ValueError("needs a number above 0 and at most 1, or adaptive")
        return value

    @property
    def nms_iou(self) -> float:
        """The IoU, 0 for the adaptive kind."""
        return 0.0 if isinstance(self.nms, str) else self.nms


# The other head would leave them without effect.
_OF_ONE_HEAD = (
    ("model", "dropout", "fc"),
    ("priors", "count", "fc"),
    ("priors", "shapes", "conv"),
    ("priors", "levels", "conv"),
)
_REMEDY = "leave it out, or choose that head"


class MultiBoxRecipe(Section):
    """Everything `detect train-multibox` is told besides the data."""

    seed: Seed = 0
    init: str = ""
    batch_size: int = Field(32, ge=1)
    model: MultiBoxModelSection = MultiBoxModelSection()
    priors: PriorSection = PriorSection()
    objective: ObjectiveSection = ObjectiveSection()
    windows: WindowSection = WindowSection()
    augment: AugmentSection = AugmentSection()
    propose: ProposeSection = ProposeSection()
    optimizer: OptimizerSection
    run: RunSection = RunSection()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.objective.matching == "iou" and self.model.head == "fc":
            raise ValueError("objective.matching iou needs model.head conv: slots at every place")
        for section, name, head in _OF_ONE_HEAD:
            part = getattr(self, section)
            default = type(part).model_fields[name].default
            if self.model.head != head and getattr(part, name) != default:
                raise ValueError(f"{section}.{name} is of model.head {head}: {_REMEDY}")
        return self
