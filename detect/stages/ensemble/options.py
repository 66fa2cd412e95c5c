"""What `ensemble` is told, and what it returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from detect.ensemble.curve import EnsembleCurve
from detect.errors import option
from detect.evaluation.protocols import Protocol
from detect.stages import options as o
from detect.stages.selection import GivenVote
from detect.storage.scores_card import DecayKind, Kind


def _listed(number: Callable[[str], float], example: str) -> BeforeValidator:
    """Return what reads numbers from "1,2,3"; ValueError for what is none."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return tuple(number(word.strip()) for word in value.split(","))
        except ValueError:
            raise ValueError(f"expected numbers such as {example}") from None

    return BeforeValidator(read)


def as_list(numbers: Iterable[float]) -> str:
    """Return `numbers` as the command line takes them."""
    return ",".join(f"{number:g}" for number in numbers)


class EnsembleOptions(o.Options):
    """What `ensemble` is told; None is what the run was told."""

    scores: Path = Field(
        description=f"What detect run {option('keep_scores')} left: a file or its folder. Or a "
        f"detector, which detects in {option('data')} first."
    )
    out: Path = Field(description="Folder for detections.json.")
    models: Annotated[tuple[int, ...] | None, _listed(int, "0,2,5")] = Field(
        None, description="Networks by their number.  [default: all]"
    )
    weights: Annotated[tuple[float, ...] | None, _listed(float, "1,2,0.5")] = Field(
        None, description="One a network, above 0, at most 1e9.  [default: equal]"
    )
    kind: Kind | None = Field(
        None,
        description="nms and soft-nms average the networks; wbf fuses each one's own boxes.  "
        "[default: the run's]",
    )
    vote: GivenVote | None = Field(
        None,
        description="A box left becomes the mean of its class's regions of this IoU or more with "
        "it, weighted by their scores.  [default: the run's; off with wbf]",
    )
    regression: Literal["on", "off"] | None = Field(
        None,
        description="Whether regions move by what the networks said, where it was kept.  "
        "[default: on]",
    )
    threshold: float | None = Field(
        None, ge=0, le=1, description="Lowest score written.  [default: the run's]"
    )
    nms: float | None = Field(
        None,
        ge=0,
        le=1,
        description="IoU above which the worse of two boxes of a class goes; where the linear "
        "decay begins.  [default: the run's]",
    )
    per_class: int | None = Field(
        None, ge=1, description="Most detections of a class in an image.  [default: the run's]"
    )
    decay: DecayKind | None = Field(None, description="Of soft-nms.  [default: the run's]")
    sigma: float | None = Field(
        None, gt=0, description="Of the gaussian decay.  [default: the run's]"
    )
    fusion_iou: float | None = Field(
        None, ge=0, le=1, description="Above which boxes are fused (wbf).  [default: the run's]"
    )
    data: Path | None = Field(None, description="Score on it: table of mAP.")
    split: o.Split = None
    protocol: Protocol = Field("voc2012", description="Whose rules.")
    iou: float = Field(0.5, gt=0, le=1, description="That makes a match.")
    seed: o.Seed = Field(0, description="Of the subsets drawn, above 8 networks.")
    json: Path | None = Field(None, description="Write the table.")
    device: o.Device = Field("auto", description="auto, cpu, cuda or cuda:N; of a detector.")
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class EnsembleResult:
    """The detections at `path`: how many, in how many `images`.

    `networks` that were combined, by their place in `names`; `curve` where there was data to
    score on.
    """

    path: Path
    images: int
    detections: int
    networks: tuple[int, ...]
    names: tuple[str, ...]
    curve: EnsembleCurve | None = None
