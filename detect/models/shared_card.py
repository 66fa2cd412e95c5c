"""What a stored detector of one trunk says about itself."""

from dataclasses import dataclass
from typing import ClassVar

from detect.models import card_checks as check
from detect.models.box_coder import ENCODINGS, BoxCoder
from detect.models.box_head import MOST_PLACES, REGRESSIONS, BoxHeadDesign
from detect.models.card_checks import Checks
from detect.models.cards import NamedClassesCard
from detect.models.multibox import TAPS
from detect.models.shared import STRIDE, SharedDesign
from detect.models.variants import VARIANTS


def is_side(value: object) -> bool:
    """Tell whether `value` is a side of an image in px that the strides of the maps divide."""
    return check.is_count(2 * STRIDE, check.LARGEST_INPUT)(value) and value % STRIDE == 0  # type: ignore[operator]


@dataclass(frozen=True, kw_only=True)
class SharedCard(NamedClassesCard):
    """Everything besides weights that is needed to detect with one trunk.

    Images are warped to `input_size` px wide and `input_height` high. `slots`, `levels`, `shapes`:
    see SharedDesign; `encoding`, `scale`: see BoxCoder; `per_view`, `nms`, `boxes`: how it
    proposes, as MultiBoxCard has them; `regression`, `regression_maps`, `regression_grid` as
    RegionClassifierCard. The other fields are NamedClassesCard's.
    """

    input_height: int
    slots: int
    levels: int
    shapes: int
    encoding: str
    scale: float
    per_view: int
    nms: float
    boxes: int
    regression: str
    regression_maps: str
    regression_grid: int

    _SIDE: ClassVar = (
        is_side,
        f"a multiple of {STRIDE} from {2 * STRIDE} to {check.LARGEST_INPUT}",
    )
    CHECKS: ClassVar[Checks] = {
        **NamedClassesCard.CHECKS,
        "variant": check.one_of(tuple(VARIANTS)),
        "input_size": _SIDE,
        "input_height": _SIDE,
        "slots": check.whole(1, check.MOST_SLOTS),
        "levels": check.whole(1, 6),
        "shapes": check.whole(1, check.MOST_SLOTS),
        "encoding": check.one_of(ENCODINGS),
        "scale": (check.is_number(check.SMALLEST, check.LARGEST), "a positive number"),
        "per_view": (check.is_count(1, 2**31), "a whole number from 1"),
        "nms": (check.is_number(0, 1), "a number from 0 to 1"),
        "boxes": (check.is_count(1, 2**31), "a whole number from 1"),
        "regression": check.one_of(REGRESSIONS),
        "regression_maps": check.one_of(TAPS),
        "regression_grid": check.whole(1, MOST_PLACES),
    }

    def __post_init__(self) -> None:
        """Check every field, and that they make a design."""
        super().__post_init__()
        _ = self.design

    @property
    def views(self) -> str:
        """The views of an image that it proposes from, as MultiBoxCard has them."""
        return "whole"

    @property
    def fold(self) -> str:
        """The images that it did not see in training: it knows no folds."""
        return ""

    @property
    def sides(self) -> tuple[int, int]:
        """Width and height, px, of what an image is warped to."""
        return self.input_size, self.input_height

    @property
    def design(self) -> SharedDesign:  # type: ignore[override]
        """The shape of the network."""
        return SharedDesign(
            variant=self.variant,
            width=self.width,
            classes=len(self.classes),
            input_size=self.input_size,
            input_height=self.input_height,
            slots=self.slots,
            levels=self.levels,
            shapes=self.shapes,
            coder=BoxCoder(self.encoding, self.scale),  # type: ignore[arg-type]
            regression=BoxHeadDesign(self.regression, self.regression_maps, self.regression_grid),
        )
