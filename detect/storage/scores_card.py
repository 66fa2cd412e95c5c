"""What a file of scores says about itself; light, for whoever only names its types of numbers."""

import json
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from detect.reading import is_name, is_path

Dtype = Literal["float32", "float16"]
# Whether networks move boxes, and how (models/box_head.py).
Deltas = Literal["off", "agnostic", "classwise"]
# How scores become detections (ensemble.Combination).
Kind = Literal["nms", "soft-nms", "wbf"]
DecayKind = Literal["linear", "gaussian"]


def _are_names(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) < len(names) or not all(map(is_name, names)):
        raise ValueError("expected names, each once")
    return names


def _are_paths(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not all(map(is_path, names)):
        raise ValueError("expected what networks are called")
    return names


def checked_vote(value: Any) -> Any:
    """Return `value`; ValueError if it is neither an IoU above 0 nor "off"."""
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if number and 0 < value <= 1:
        return float(value)
    if isinstance(value, str) and value == "off":
        return value
    raise ValueError("expected off, or an IoU above 0 and at most 1")


Vote = Annotated[float | Literal["off"], BeforeValidator(checked_vote)]
Names = Annotated[tuple[str, ...], AfterValidator(_are_names)]
Probability = Annotated[float, Field(ge=0, le=1)]


class Kept(NamedTuple):
    """What of every region is kept: scores as `dtype`, and its `deltas`.

    Of classwise ones those that some network scores `deltas_from` or more.
    """

    dtype: Dtype
    deltas: Deltas = "off"
    deltas_from: float = 0.0


@dataclass(frozen=True)
class ScoresCard:
    """What a file of scores says about itself.

    `classes` and `category_ids` of the data set the run was on, `integer_ids` as in Dataset;
    `columns` the classes the networks know, in the order of the scores; `names` and `hashes` of
    the M networks; `precision` they ran in, "float32" or "bfloat16"; `dtype`, `deltas` and
    `deltas_from` as in Kept; `proposals` the regions' recipe, `data` the digest of the images;
    `mirror`: scores and deltas are means with those of mirrored crops; `rounds` and `again` as in
    ensemble.rounds, the regions of all rounds are there; the rest is what the run selected by.
    """

    split: str
    classes: Names
    category_ids: tuple[Annotated[int, Field(gt=-(2**63), lt=2**63)], ...]
    integer_ids: bool
    columns: Names
    names: Annotated[tuple[str, ...], AfterValidator(_are_paths)]
    hashes: tuple[str, ...]
    precision: Literal["float32", "bfloat16"]
    dtype: Dtype
    proposals: dict[str, Any]
    data: str
    mirror: bool
    rounds: Annotated[int, Field(ge=1)]
    again: Annotated[int, Field(ge=0)]
    threshold: Probability
    nms: Probability
    per_class: Annotated[int, Field(ge=1)]
    kind: Kind
    decay: DecayKind
    sigma: Annotated[float, Field(gt=0)]
    fusion_iou: Probability
    vote: Vote
    deltas: Deltas
    deltas_from: Probability

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    @property
    def kept(self) -> Kept:
        """What of every region is kept."""
        return Kept(self.dtype, self.deltas, self.deltas_from)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the card of JSON `values`; ValueError naming what is missing, unknown or wrong."""
        try:
            made = TypeAdapter(cls).validate_json(json.dumps(values))
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise ValueError(f"{where}: {problem['msg'].removeprefix('Value error, ')}") from None
        made._check_counts()
        return made

    def _check_counts(self) -> None:
        """Raise ValueError for lists of other lengths than those they go with."""
        if len(self.category_ids) != len(self.classes):
            raise ValueError(f"{len(self.category_ids)} category_ids, {len(self.classes)} classes")
        if len(set(self.category_ids)) < len(self.category_ids):
            raise ValueError("category_ids: one is there twice")
        if unknown := sorted(set(self.columns) - set(self.classes)):
            raise ValueError(f"columns: {unknown[0]} is not in classes")
        if len(self.hashes) != len(self.names):
            raise ValueError(f"{len(self.hashes)} hashes, {len(self.names)} names")
