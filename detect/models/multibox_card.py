"""What a stored MultiBox network says about itself, how to propose with it included."""

from dataclasses import dataclass
from typing import ClassVar

from detect.data.folds import parse_fold
from detect.models.box_coder import ENCODINGS, BoxCoder
from detect.models.card import Card, Checks, is_count, is_number, one_of
from detect.models.multibox import HEADS, TAPS, MultiBoxDesign
from detect.proposals.views import VIEWS


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
        "head": one_of(HEADS),
        "until": one_of(TAPS),
        "slots": (lambda value: is_count(value) and value > 0, "a whole number from 1"),
        "levels": (is_count, "a whole number from 0"),
        "shapes": (is_count, "a whole number from 0"),
        "encoding": one_of(ENCODINGS),
        "scale": (lambda value: is_number(value) and value > 0, "a positive number"),
        "views": one_of(VIEWS),
        "per_view": (lambda value: is_count(value) and value > 0, "a whole number from 1"),
        "nms": (lambda value: is_number(value) and 0 <= value <= 1, "a number from 0 to 1"),
        "boxes": (lambda value: is_count(value) and value > 0, "a whole number from 1"),
    }

    def __post_init__(self) -> None:
        """Check every field, and that they make a design."""
        super().__post_init__()
        if self.fold:
            parse_fold(self.fold)
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
