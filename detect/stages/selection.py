"""How scores become detections, as the options of a stage choose it."""

from dataclasses import fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from detect.ensemble.combination import Combination
from detect.errors import UsageError, option
from detect.stages import options as o
from detect.storage import scores_card as card

NAMES = tuple(field.name for field in fields(Combination))


def _read_vote(value: Any) -> Any:
    """Take digits for a number; ValueError for what is neither an IoU nor off."""
    try:
        number = float(value) if isinstance(value, str) else value
    except ValueError:
        number = value
    return card.checked_vote(number)


GivenVote = Annotated[card.Vote, BeforeValidator(_read_vote)]

# The options of `combination_of`.
Kind = Annotated[
    card.Kind,
    Field(description="nms and soft-nms average the networks; wbf fuses each one's own boxes."),
]
Vote = Annotated[
    GivenVote,
    Field(
        description="A box left becomes the mean of its class's regions of this IoU or more with "
        "it, weighted by their scores."
    ),
]
Nms = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="IoU above which the worse of two boxes of a class goes; where the linear "
        "decay begins.",
    ),
]
Regression = Annotated[
    Literal["on", "off"],
    Field(
        description="Whether regions move by what the networks say, before all else, where they "
        "learned to."
    ),
]
PerClass = Annotated[int, Field(ge=1, description="Most detections of a class in an image.")]
Decay = Annotated[card.DecayKind, Field(description="Of soft-nms.")]
Sigma = Annotated[float, Field(gt=0, description="Of the gaussian decay.")]
FusionIou = Annotated[float, Field(ge=0, le=1, description="Above which boxes are fused (wbf).")]


def combination_of(options: o.Options, threshold: float, *, probabilities: bool) -> Combination:
    """Return how to select from score `threshold` up; UsageError for what does not go together.

    Without `probabilities` the scores are SVMs', which only nms takes.
    """
    told = {name: getattr(options, name) for name in NAMES if name != "threshold"}
    if not probabilities and told["kind"] != "nms":
        raise UsageError(
            f"{option('kind', told['kind'])} and {option('svm')}: soft-nms and wbf need "
            "probabilities. Leave one out."
        )
    check_given(options, told["kind"], told["decay"])
    return Combination(threshold=threshold, **told)


def check_given(options: o.Options, kind: card.Kind, decay: card.DecayKind) -> None:
    """Raise UsageError for an option given that means nothing with `kind` or `decay`."""
    with_kind = f"with {option('kind', kind)}"
    refused: dict[str, str] = {}
    if kind != "wbf":
        refused["fusion_iou"] = with_kind
    elif getattr(options, "vote", None) != "off":
        refused["vote"] = f"{with_kind}, whose boxes are means already"
    if kind != "soft-nms":
        refused |= dict.fromkeys(("decay", "sigma"), with_kind)
    else:
        refused["sigma" if decay == "linear" else "nms"] = f"with {option('decay', decay)}"
    for name in options.gave(*refused):
        raise UsageError(f"{option(name)} means nothing {refused[name]}. Leave it out.")
