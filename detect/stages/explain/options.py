"""What `explain` is told, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.errors import option
from detect.proposals.settings import ColourSpace
from detect.stages import options as o


class ExplainOptions(o.Options):
    """What `explain` is told."""

    run: Path = Field(description=f"A folder of detect run with {option('keep_scores')}.")
    data: Path = Field(description="The data it ran on.")
    split: o.Split = None
    image: o.Texts = Field(
        (),
        description="Ids of the images to show. [default: the best, the worst and the most "
        "surprising]",
    )
    model: Path | None = Field(
        None,
        description="One of the networks, for how its crops are cut. [default: 16 px of context "
        "at 224 px, warped]",
    )
    colour_space: ColourSpace | None = Field(
        None, description="Of the superpixels shown. [default: the first of the run's]"
    )
    k: int | None = Field(
        None, ge=1, description="Of the superpixels shown. [default: the first of the run's]"
    )
    out: Path | None = Field(
        None, description="Folder for index.html. [default: runs/explain/NAME]"
    )
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False


@dataclass(frozen=True)
class ExplainResult:
    """The `page`, `size` bytes, and why each image is on it, by its id."""

    page: Path
    size: int
    images: Mapping[str, str]
