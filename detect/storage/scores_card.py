"""What a file of scores says about itself; light, for whoever only names its types of numbers."""

from dataclasses import dataclass, fields
from typing import Any, Literal, Self

Dtype = Literal["float32", "float16"]


@dataclass(frozen=True)
class ScoresCard:
    """What a file of scores says about itself.

    `classes` and `category_ids` of the data set the run was on, `integer_ids` as in Dataset;
    `columns` the classes the networks know, in the order of the scores; `names` and `hashes` of
    the M networks; `precision` they ran in, "float32" or "bfloat16", `dtype` the scores are kept
    in; `proposals` the regions' recipe, `data` the digest of the images; the rest is what the run
    selected by.
    """

    split: str
    classes: tuple[str, ...]
    category_ids: tuple[int, ...]
    integer_ids: bool
    columns: tuple[str, ...]
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    precision: str
    dtype: Dtype
    proposals: dict[str, Any]
    data: str
    threshold: float
    nms: float
    per_class: int

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the card of JSON `values`; TypeError where keys are missing or unknown."""
        made = cls(**values)
        for entry in fields(cls):
            value = getattr(made, entry.name)
            if isinstance(value, list):
                object.__setattr__(made, entry.name, tuple(value))
        return made
