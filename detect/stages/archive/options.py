"""What `archive` is told, and what it returns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import AGAIN, Rounds
from detect.errors import option
from detect.proposals.settings import Preset
from detect.stages import options as o
from detect.stages import selection
from detect.stages.scoring import Again, Mirror, Models, RoundCount
from detect.stages.sources import ChosenMethod, ChosenSearch, MultiBoxModels

LOCAL, RAY = "local", "ray"


def _engine(value: str) -> str:
    """Return `value`; ValueError for what names no engine."""
    host, colon, port = value.rpartition(":")
    if value in (LOCAL, RAY) or (colon and host and "/" not in host and port.isdecimal()):
        return value
    raise ValueError(f"expected {LOCAL}, {RAY}, or HOST:PORT of a Ray cluster")


class ArchiveOptions(o.Options):
    """What `archive` is told."""

    manifest: Path = Field(
        description="Parquet with the columns image_id and path, or a folder of images."
    )
    model: Models
    out: Path = Field(description="Folder for the Parquet parts, a row an image.")
    on: Annotated[str, BeforeValidator(str), BeforeValidator(_engine)] = Field(
        LOCAL,
        description="Where the work is done: local (this process), ray (Ray on this machine), or "
        "HOST:PORT of a Ray cluster.",
    )
    proposals: Path | None = Field(None, description="Stored regions of these images.")
    method: ChosenMethod = "selective-search"
    multibox: MultiBoxModels = ()
    preset: Preset = Field(
        "rcnn", description=f"Of the regions searched where no {option('proposals')} are given."
    )
    search: ChosenSearch = "own"
    seed: o.Seed = 0
    threshold: float | None = Field(None, description="Lowest score written. [default: 0.01]")
    kind: selection.Kind = Combination.kind
    vote: selection.Vote = Combination.vote
    mirror: Mirror = False
    rounds: RoundCount = Rounds.count
    again: Again = AGAIN
    nms: selection.Nms = Combination.nms
    per_class: selection.PerClass = Combination.per_class
    decay: selection.Decay = Combination.decay
    sigma: selection.Sigma = Combination.sigma
    fusion_iou: selection.FusionIou = Combination.fusion_iou
    regression: selection.Regression = "on"
    batch_size: o.BatchSize = None
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="Of the networks, the same on every machine."
    )
    device: o.Device = "auto"
    workers: int | None = Field(
        None, ge=2, description=f"CPUs of {option('on', RAY)}. [default: the machine's]"
    )
    actors: int | None = Field(
        None,
        ge=1,
        description="Processes that hold the networks, on Ray. [default: one a GPU; without GPUs "
        "three of four CPUs]",
    )
    part_images: int = Field(
        64, ge=1, le=100_000, description="Images of a part, which a kill may cost."
    )
    resume: o.Resume = False


@dataclass(frozen=True)
class ArchiveResult:
    """The audit of the output at `path` against the manifest, which balances.

    So many `images` are listed; `detected` and `broken` ones make them up. `new`: rows of this
    call, `parts`: files in all.
    """

    path: Path
    images: int
    detected: int
    broken: int
    new: int
    parts: int
