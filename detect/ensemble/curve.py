"""What networks bring to an ensemble: mAP over its subsets, alone, and with one left out.

The paper has two points of such a curve, one network and six (arXiv 1409.4842, section 8: 40 %
and 43.9 % mAP).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from detect.evaluation.tables import align

Subset = tuple[int, ...]

# Up to here every subset is scored, 255 of 8; beyond a sample. Both numbers are ours.
_ALL_UP_TO = 8
_SAMPLED = 30


@dataclass(frozen=True)
class SizeFigures:
    """The mAP of ensembles of as many `networks`: `subsets` scored of those there are, `of`.

    `spread` is max - min, `deviation` the standard one.
    """

    networks: int
    subsets: int
    of: int
    mean: float
    min: float
    max: float
    spread: float
    deviation: float


@dataclass(frozen=True)
class Alone:
    """The mAP of one network."""

    network: int
    map: float


@dataclass(frozen=True)
class LeftOut:
    """The mAP of all networks but one, and the `loss`: what its absence costs."""

    without: int
    map: float
    loss: float


@dataclass(frozen=True)
class SubsetFigure:
    """The mAP of some networks."""

    networks: Subset
    map: float


@dataclass(frozen=True)
class EnsembleCurve:
    """What networks bring to an ensemble; `map` is of all, and networks are called by number.

    `leave_one_out` is empty for one network.
    """

    map: float
    sizes: tuple[SizeFigures, ...]
    alone: tuple[Alone, ...]
    leave_one_out: tuple[LeftOut, ...]
    subsets: tuple[SubsetFigure, ...]


def choose_subsets(networks: Sequence[int], seed: int = 0) -> list[Subset]:
    """Return the subsets of `networks` to score, small ones first.

    All of them for up to 8 networks; for more all of one network, of all but one and of all, and
    30 of every other size, drawn by `seed`.
    """
    count = len(networks)
    rng = np.random.default_rng(seed)
    found: list[Subset] = []
    for size in range(1, count + 1):
        if count <= _ALL_UP_TO or comb(count, size) <= max(_SAMPLED, count):
            found += combinations(networks, size)
        else:
            found += _drawn(networks, size, rng)
    return found


def _drawn(networks: Sequence[int], size: int, rng: np.random.Generator) -> list[Subset]:
    """Return _SAMPLED different subsets of `size`, in order."""
    places: set[Subset] = set()
    while len(places) < _SAMPLED:
        places.add(tuple(sorted(rng.choice(len(networks), size, replace=False).tolist())))
    return [tuple(networks[place] for place in subset) for subset in sorted(places)]


def ensemble_curve(networks: Sequence[int], maps: Mapping[Subset, float]) -> EnsembleCurve:
    """Return the figures of `maps`, the mAP of every subset that `choose_subsets` gave."""
    every = tuple(networks)
    return EnsembleCurve(
        map=maps[every],
        sizes=tuple(_size(every, maps, size) for size in range(1, len(every) + 1)),
        alone=tuple(Alone(one, maps[(one,)]) for one in every),
        leave_one_out=_leave_one_out(every, maps),
        subsets=tuple(SubsetFigure(subset, value) for subset, value in maps.items()),
    )


def _size(every: Subset, maps: Mapping[Subset, float], size: int) -> SizeFigures:
    values = np.array([value for subset, value in maps.items() if len(subset) == size])
    return SizeFigures(
        networks=size,
        subsets=len(values),
        of=comb(len(every), size),
        mean=float(values.mean()),
        min=float(values.min()),
        max=float(values.max()),
        spread=float(values.max() - values.min()),
        deviation=float(values.std()),
    )


def _leave_one_out(every: Subset, maps: Mapping[Subset, float]) -> tuple[LeftOut, ...]:
    if len(every) < 2:
        return ()
    rest = {one: maps[tuple(other for other in every if other != one)] for one in every}
    return tuple(LeftOut(one, value, maps[every] - value) for one, value in rest.items())


def curve_lines(curve: EnsembleCurve, names: Sequence[str]) -> list[str]:
    """Return the tables of `curve`; `names` of the networks by their number."""
    rows = [["networks", "subsets", "mAP mean", "min", "max", "spread", "deviation"]]
    for one in curve.sizes:
        shown = str(one.subsets) + (f" drawn of {one.of}" if one.subsets < one.of else "")
        shares = (one.mean, one.min, one.max, one.spread, one.deviation)
        rows.append([str(one.networks), shown, *map(_percent, shares)])
    return [*align(rows), "", *align(_network_rows(curve, names))]


def _network_rows(curve: EnsembleCurve, names: Sequence[str]) -> list[list[str]]:
    """Return a row a network: its mAP alone, that of the others, and the difference it makes."""
    without = {entry.without: entry for entry in curve.leave_one_out}
    rows = [["network", "alone", "all without it", "brings"]]
    for entry in curve.alone:
        other = without.get(entry.network)
        rest = [_percent(other.map), f"{100 * other.loss:+.2f}"] if other else ["-", "-"]
        rows.append([f"{entry.network} {names[entry.network]}", _percent(entry.map), *rest])
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
