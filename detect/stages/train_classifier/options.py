"""What `train_classifier` is told, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import Field

from detect.errors import option
from detect.stages.positives import PositivesFrom, PositivesPerClass
from detect.stages.training import TrainingOptions


class TrainClassifierOptions(TrainingOptions):
    """What `train_classifier` is told."""

    proposals: Path = Field(description="Proposals of that split.")
    val_proposals: Path | None = Field(None, description="Proposals of that split.")
    positives_from: PositivesFrom = None
    positives_per_class: PositivesPerClass = None
    out: Path | None = Field(None, description="Run folder. [default: runs/train-classifier/NAME]")
    ensemble: int | None = Field(
        None,
        ge=1,
        description="Train N networks, one after the other, into "
        f"{option('out')}/1 ... {option('out')}/N.",
    )


@dataclass(frozen=True)
class TrainedNetwork:
    """One network: its run folder `path`, its best `weights`, what they score on the validation.

    `map` is voc2012's of the whole split, 0 to 1, `ap` that of each class that it has. None and
    empty without a validation split, and in all but the first of several processes. `already`:
    an earlier call trained it.
    """

    path: Path
    weights: Path
    map: float | None = None
    ap: Mapping[str, float] = field(default_factory=dict)
    already: bool = False

    def moved(self, folder: Path, out: Path) -> "TrainedNetwork":
        """Return this network where its run folder is not in `folder` any more, but in `out`."""
        path, weights = (out / one.relative_to(folder) for one in (self.path, self.weights))
        return replace(self, path=path, weights=weights)


@dataclass(frozen=True)
class TrainClassifierResult:
    """What is at `path`: the run of the one of `networks`, or an ensemble, a folder for each."""

    path: Path
    networks: tuple[TrainedNetwork, ...]
