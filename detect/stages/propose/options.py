"""What `propose` is told, and what it returns."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from detect.errors import UsageError, option
from detect.proposals.settings import (
    PRESETS,
    ColourSpace,
    Preset,
    Ranking,
    SearchSettings,
    Strategy,
)
from detect.stages import options as o
from detect.stages.sources import ChosenMethod, ChosenSearch, MultiBoxChoice, MultiBoxModels

# The names of settings that are the option's in the plural.
_PLURAL = {"colour_spaces": "colour_space", "strategies": "strategy", "ks": "k"}


def _shard(value: Any) -> Any:
    """Read "I/N", or (I, N), as (I, N); ValueError unless 1 <= I <= N."""
    if value is None:
        return None
    parts = value.split("/") if isinstance(value, str) else list(map(str, value))
    if len(parts) == 2 and all(part.isdecimal() for part in parts):
        index, count = map(int, parts)
        if 1 <= index <= count:
            return index, count
    raise ValueError("expected I/N with I from 1 to N, such as 1/4")


def _iou_or_adaptive(value: Any) -> Any:
    """Read an IoU, or "adaptive", which becomes 0; ValueError unless above 0 and at most 1."""
    if value is None or value == "adaptive":
        return None if value is None else 0.0
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number <= 1:
        raise ValueError("neither adaptive nor above 0 and at most 1")
    return number


class ProposeOptions(o.Options):
    """What `propose` is told."""

    data: Path = Field(description="A data set, or a folder of images.")
    split: o.Split = None
    out: Path | None = Field(
        None, description="Folder for the parts, or one file ending in .parquet."
    )
    method: ChosenMethod = "selective-search"
    preset: Preset = Field(
        "rcnn",
        description="rcnn: k 50, 100; googlenet: superpixels doubled, about half the boxes; "
        "-quality: five colour spaces, four strategies, four k.",
    )
    colour_space: Annotated[tuple[ColourSpace, ...], BeforeValidator(o.several)] = Field(
        (), description="In place of the preset's; repeatable."
    )
    strategy: Annotated[tuple[Strategy, ...], BeforeValidator(o.several)] = Field(
        (), description="In place of the preset's; repeatable."
    )
    k: Annotated[tuple[int, ...], BeforeValidator(o.several)] = Field(
        (),
        description="Scale and smallest superpixel, px, in place of the preset's; repeatable.",
    )
    sigma: float | None = Field(None, description="Gaussian before segmenting, px. [default: 0.8]")
    width: int | None = Field(None, description="Resize images to this width, px. [default: 500]")
    min_side: float | None = Field(
        None, description="Drop boxes with a shorter side, px of the image. [default: 10]"
    )
    search: ChosenSearch = "own"
    ranking: Ranking = Field(
        "area",
        description="What, times a random number, orders the boxes: their place by area, or in "
        "the hierarchy (Uijlings et al.).",
    )
    seed: o.Seed = 0
    multibox: MultiBoxModels = ()
    multibox_boxes: int | None = Field(
        None, ge=1, description="Most boxes an image. [default: the model's]"
    )
    multibox_nms: Annotated[float | None, BeforeValidator(_iou_or_adaptive)] = Field(
        None,
        description="IoU above which the worse of two boxes goes: 0.5, 0.7, ... or adaptive. "
        "[default: the model's]",
    )
    multibox_views: Literal["whole", "squares", "dense"] | None = Field(
        None, description="What of an image MultiBox looks at. [default: the model's]"
    )
    precision: o.Precision = "auto"
    device: o.Device = "auto"
    workers: o.Workers = None
    backend: Literal["loky", "dask", "ray"] = Field(
        "loky",
        description=f"Processes here (loky), or a Dask or Ray cluster (with {option('workers')}).",
    )
    shard: Annotated[tuple[int, int] | None, BeforeValidator(_shard)] = Field(
        None, description="Only every N-th part, from the I-th (1/4 to 4/4)."
    )
    dry_run: bool = Field(False, description="Time a few images; print hours, memory and disk.")
    resume: o.Resume = False
    exist_ok: o.ExistOk = False
    skip_bad: o.SkipBad = False

    @property
    def settings(self) -> SearchSettings:
        """Selective Search's: the preset with what was given in place of its own.

        Raises UsageError if one is bad.
        """
        names = {
            field.name: _PLURAL.get(field.name, field.name) for field in fields(SearchSettings)
        }
        given = {name: getattr(self, own) for name, own in names.items()}
        changes = {name: value for name, value in given.items() if value not in (None, ())}
        try:
            return replace(PRESETS[self.preset], **changes)
        except ValueError as error:
            raise UsageError(f"{error}.") from error

    @property
    def choice(self) -> MultiBoxChoice:
        """MultiBox's networks and what was given in place of their own."""
        return MultiBoxChoice(
            models=self.multibox,
            device=self.device,
            precision=self.precision,
            views=self.multibox_views,
            nms=self.multibox_nms,
            boxes=self.multibox_boxes,
        )


@dataclass(frozen=True)
class ProposeCost:
    """What proposing for `images` will cost, from `timed` of them.

    `seconds` and `boxes` an image; with `workers` processes `hours` in all, bytes of `memory`
    (0: the system does not tell) and on `disk`.
    """

    images: int
    timed: int
    seconds: float
    boxes: float
    workers: int
    hours: float
    memory: int
    disk: int


@dataclass(frozen=True)
class ProposeResult:
    """What is at `path`: `images` proposed for in this call, their `boxes`, those `skipped`.

    `complete` already, where nothing was left to do; `cost` alone of a dry run.
    """

    path: Path
    images: int = 0
    boxes: int = 0
    skipped: tuple[str, ...] = ()
    complete: bool = False
    cost: ProposeCost | None = None
