"""What `run` is told, and what it returns."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import AGAIN, Rounds
from detect.errors import option
from detect.proposals.settings import Preset
from detect.stages import options as o
from detect.stages import selection
from detect.stages.engines import Engine
from detect.stages.scoring import Again, Mirror, Models, RoundCount, Svm
from detect.stages.sources import ChosenMethod, ChosenSearch, MultiBoxModels
from detect.storage.scores_card import Dtype


class RunOptions(o.Options):
    """What `run` is told."""

    images: o.Paths = Field(min_length=1, description="A data set, a folder of images, or images.")
    split: o.Split = None
    model: Models
    out: Path = Field(description="Folder for detections.json and pictures/.")
    proposals: Path | None = Field(None, description="Stored regions of these images.")
    method: ChosenMethod = "selective-search"
    multibox: MultiBoxModels = ()
    preset: Preset = Field(
        "rcnn", description=f"Of the regions searched where no {option('proposals')} are given."
    )
    search: ChosenSearch = "own"
    seed: o.Seed = 0
    svm: Svm = None
    threshold: float | None = Field(
        None, description=f"Lowest score written. [default: 0.01; -1 with {option('svm')}]"
    )
    picture_threshold: float | None = Field(
        None, description=f"Lowest score drawn. [default: 0.5; 0 with {option('svm')}]"
    )
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
    keep_scores: Dtype | None = Field(
        None,
        description="Keep every network's scores of every region, and how it moves, for detect "
        "ensemble.  "
        "[default: off]",
    )
    pictures: bool = Field(True, description="Draw pictures.")
    batch_size: o.BatchSize = None
    engine: Engine = None
    precision: o.Precision = "auto"
    compile: o.Compile = "auto"
    device: o.Device = "auto"
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class KeptScores:
    """The scores at `path`, `size` bytes, of so many `networks`."""

    path: Path
    networks: int
    size: int


@dataclass(frozen=True)
class RunResult:
    """The detections at `path`: how many, in how many `images`; the `scores` kept beside them.

    `complete` already, where nothing was left to do and nothing was counted.
    """

    path: Path
    images: int = 0
    detections: int = 0
    scores: KeptScores | None = None
    complete: bool = False
