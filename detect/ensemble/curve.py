"""What networks bring to an ensemble: mAP over its subsets, alone, and with one left out.

The paper has two points of such a curve, one network and six (arXiv 1409.4842, section 8: 40 %
and 43.9 % mAP).
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from detect.evaluation.tables import align

Subset = tuple[int, ...]

# Up to here every subset is scored, 255 of 8; beyond a sample. Both numbers are ours.
_ALL_UP_TO = 8
_SAMPLED = 30


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


def ensemble_curve(networks: Sequence[int], maps: Mapping[Subset, float]) -> dict[str, Any]:
    """Return the figures of `maps`, the mAP of every subset that `choose_subsets` gave.

    {"map": of all; "sizes": [{"networks": K, "subsets", "of", "mean", "min", "max", "spread",
    "deviation"}] with "of" the number of subsets there are, "spread" max - min, "deviation" the
    standard one; "alone": [{"network", "map"}]; "leave_one_out": [{"without", "map", "loss"}]
    with "loss" what its absence costs, empty for one network; "subsets": [{"networks", "map"}]}.
    """
    every = tuple(networks)
    return {
        "map": maps[every],
        "sizes": [_size(every, maps, size) for size in range(1, len(every) + 1)],
        "alone": [{"network": one, "map": maps[(one,)]} for one in every],
        "leave_one_out": _leave_one_out(every, maps),
        "subsets": [{"networks": list(subset), "map": value} for subset, value in maps.items()],
    }


def _size(every: Subset, maps: Mapping[Subset, float], size: int) -> dict[str, Any]:
    values = np.array([value for subset, value in maps.items() if len(subset) == size])
    return {
        "networks": size,
        "subsets": len(values),
        "of": comb(len(every), size),
        "mean": float(values.mean()),
        "min": float(values.min()),
        "max": float(values.max()),
        "spread": float(values.max() - values.min()),
        "deviation": float(values.std()),
    }


def _leave_one_out(every: Subset, maps: Mapping[Subset, float]) -> list[dict[str, Any]]:
    if len(every) < 2:
        return []
    rest = {one: maps[tuple(other for other in every if other != one)] for one in every}
    return [
        {"without": one, "map": value, "loss": maps[every] - value} for one, value in rest.items()
    ]


def curve_lines(figures: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the tables of `ensemble_curve`'s result; `names` of the networks by their number."""
    rows = [["networks", "subsets", "mAP mean", "min", "max", "spread", "deviation"]]
    for entry in figures["sizes"]:
        shown = str(entry["subsets"])
        if entry["subsets"] < entry["of"]:
            shown += f" drawn of {entry['of']}"
        keys = ("mean", "min", "max", "spread", "deviation")
        rows.append([str(entry["networks"]), shown, *(_percent(entry[key]) for key in keys)])
    return [*align(rows), "", *align(_network_rows(figures, names))]


def _network_rows(figures: Mapping[str, Any], names: Sequence[str]) -> list[list[str]]:
    """Return a row a network: its mAP alone, that of the others, and the difference it makes."""
    without = {entry["without"]: entry for entry in figures["leave_one_out"]}
    rows = [["network", "alone", "all without it", "brings"]]
    for entry in figures["alone"]:
        place = entry["network"]
        other = without.get(place)
        rest = [_percent(other["map"]), f"{100 * other['loss']:+.2f}"] if other else ["-", "-"]
        rows.append([f"{place} {names[place]}", _percent(entry["map"]), *rest])
    return rows


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
