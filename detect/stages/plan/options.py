"""What `plan` is told, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.costs.stage_costs import StageCost, total
from detect.ensemble.rounds import AGAIN, Rounds
from detect.errors import option
from detect.proposals.settings import Preset
from detect.stages import options as o
from detect.stages.scoring import Again, Mirror, RoundCount
from detect.stages.sources import ChosenSearch
from detect.storage.scores_card import Dtype


class PlanOptions(o.Options):
    """What `plan` is told."""

    data: Path = Field(description="A data set.")
    split: o.Text = Field(
        description=f"The split to train on; with {option('model')} the one to detect in."
    )
    config: o.Paths = Field(
        (),
        description="A recipe of a region classifier, MultiBox, one trunk or a pre-training; "
        "repeatable.",
    )
    model: o.Paths = Field(
        (),
        description="Instead of recipes: a detector of detect train, or what else detect run "
        "takes.",
    )
    proposals: Path | None = Field(None, description=f"Stored regions of {option('split')}.")
    test_split: o.Text | None = Field(
        None, description=f"Detect in it. [default: {option('split')}]"
    )
    test_proposals: Path | None = Field(None, description="Its stored regions.")
    preset: Preset = Field("rcnn", description="Of Selective Search, where regions are not stored.")
    search: ChosenSearch = "own"
    ensemble: int | None = Field(None, ge=1, description="N networks classify.")
    folds: int | None = Field(
        None, ge=1, description=f"N networks of MultiBox ({option('leave_out')})."
    )
    keep_scores: Dtype | None = Field(
        None, description="As in detect run: count their disk.  [default: off]"
    )
    mirror: Mirror = False
    rounds: RoundCount = Rounds.count
    again: Again = AGAIN
    workers: o.Workers = None
    threads: int = Field(1, ge=1, description="Of a training, that make batches ahead.")
    device: o.Device = "auto"
    json: Path | None = Field(None, description="Write all figures.")
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class PlanResult:
    """What every command of the chain will cost on this machine, `stages` in their order.

    `images` of each split; `device` is what a network would run on; `load`: the processes that ran
    or waited, on average, in the minute before, on so many `cores`.
    """

    images: Mapping[str, int]
    stages: tuple[StageCost, ...]
    device: str
    load: float
    cores: int

    @property
    def total(self) -> StageCost:
        """All stages, one after the other."""
        return total(self.stages)
