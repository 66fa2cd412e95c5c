"""What `train` is told, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from detect.stages import options as o
from detect.stages.training import Log

_MULTIBOX = "multibox."


class TrainOptions(o.Options):
    """What `train` is told."""

    data: Path = Field(description="A labelled data set.")
    split: o.Text | None = Field(
        None, description="The images to learn from. [default: trainval, else train, else all]"
    )
    val_split: o.Text | None = Field(
        None,
        description="Images that choices are made on. [default: a fifth of the images to learn "
        "from, held out]",
    )
    out: Path = Field(description="Folder of the detector; the trainings' runs are in its work/.")
    minutes: float = Field(30.0, gt=0, description="How long to take, in all.")
    networks: int = Field(1, ge=1, le=12, description="Region classifiers, averaged.")
    fast: bool = Field(
        False, description="Prefer fewer regions an image where that covers nearly as much."
    )
    pretrained: Literal["auto", "off"] = Field(
        "auto",
        description="auto: begin from ImageNet's weights where an installed package has them.",
    )
    classifier: Literal["crops", "one-trunk"] = Field(
        "crops",
        description="crops: networks see the crop of every region, as R-CNN's. one-trunk: one "
        "network sees the image, and cuts regions from its maps (train-shared): it finds several "
        "times as fast, one to three points worse; from random weights.",
    )
    set: o.Texts = Field(
        (),
        description="Change a value of the region classifiers' recipe, or of MultiBox's: "
        "multibox.A.B=3.",
    )
    log: Log = ()
    dry_run: bool = Field(
        False, description="Look, time, say what would be done and how long it takes, and stop."
    )
    device: o.Device = "auto"
    seed: o.Seed = 0
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False

    @property
    def of_multibox(self) -> tuple[str, ...]:
        """What `set` changes of MultiBox's recipe."""
        mine = (one.strip() for one in self.set)
        return tuple(one.removeprefix(_MULTIBOX) for one in mine if one.startswith(_MULTIBOX))

    @property
    def of_networks(self) -> tuple[str, ...]:
        """What `set` changes of the region classifiers' recipe."""
        return tuple(one for one in self.set if not one.strip().startswith(_MULTIBOX))


@dataclass(frozen=True)
class TrainResult:
    """The detector at `path`, what it was measured to do, and what was decided on the way.

    `figures` are those of the images held out: "AP50" by voc2012, "AP" by coco (0.50 to 0.95),
    shares of 1. `choices` is what choices.json holds. With `dry_run` `figures` is empty and
    nothing is written at `path`.
    """

    path: Path
    figures: Mapping[str, Any]
    choices: Mapping[str, Any]

    @property
    def trained(self) -> bool:
        """Whether there is a detector: not after a dry run."""
        return bool(self.figures)
