"""Section 7's table: the error of one network and of several, with 1, 10 and 144 crops."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detect.crops.counts import CROPS
from detect.crops.multicrop import members
from detect.evaluation.top_k import ranks, top_error
from detect.structures import FloatArray


@dataclass(frozen=True)
class Row:
    """A line of the table: `cost` in crops through a network, errors from 0 to 1.

    `relative` is the top-5 error less the first line's, as the paper's "compared to base".
    """

    models: int
    crops: int
    cost: int
    top1_error: float
    top5_error: float
    relative: float


class MulticropTally:
    """Counts the answers of `models` networks on up to `crops` crops, an image at a time.

    With one model the figure is the mean of the models' own.
    """

    def __init__(self, models: int, crops: int) -> None:
        self._counts = [count for count in CROPS if count <= crops]
        self._members = {n: np.searchsorted(members(crops), members(n)) for n in self._counts}
        self._models = models
        # crops of a row -> the places of the right class, of each model and of the average
        self._places: dict[int, list[list[int]]] = {count: [] for count in self._counts}

    def add(self, scores: FloatArray, label: int) -> None:
        """Count one image: softmax `scores` (models, crops, C) and its right `label`."""
        for count in self._counts:
            single = scores[:, self._members[count]].mean(axis=1, dtype=np.float64)
            every = np.concatenate([single, single.mean(axis=0, keepdims=True)])
            labels = np.full(len(every), label, np.int64)
            self._places[count].append(ranks(every, labels).tolist())

    def rows(self) -> list[Row]:
        """Return the table, single models first; ValueError before any image."""
        found: list[Row] = []
        for models in dict.fromkeys((1, self._models)):
            for count in self._counts:
                top1, top5 = self._errors(models, count)
                base = found[0].top5_error if found else top5
                found.append(Row(models, count, models * count, top1, top5, top5 - base))
        return found

    def _errors(self, models: int, count: int) -> tuple[float, float]:
        """Return top-1 and top-5 error; for one model the mean over all of them."""
        places = np.array(self._places[count], np.int64)
        columns = [places[:, -1]] if models > 1 else list(places[:, :-1].T)
        top1, top5 = (np.mean([top_error(column, k) for column in columns]) for k in (1, 5))
        return float(top1), float(top5)


def shown(rows: Sequence[Row]) -> list[str]:
    """Return the lines of the table, errors in per cent, for a person."""
    heads = (("models", 6), ("crops", 7), ("cost", 7), ("top-1 error", 13), ("top-5 error", 13))
    lines = ["".join(f"{name:>{width}}" for name, width in (*heads, ("to base", 10)))]
    for row in rows:
        relative = f"{100 * row.relative:+.2f} %" if row is not rows[0] else "base"
        lines.append(
            f"{row.models:6d}{row.crops:7d}{row.cost:7d}{100 * row.top1_error:11.2f} %"
            f"{100 * row.top5_error:11.2f} %{relative:>10}"
        )
    return lines
