"""What a page knows of one image's regions: boxes, networks' scores, where they move."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.ensemble import average, moved
from detect.ensemble.voting import LOWEST_VOTER
from detect.report.explained.packing import packed, smallest_kind
from detect.storage.scores import RegionScores
from detect.storage.scores_card import ScoresCard
from detect.structures import FloatArray, IntArray

# Bytes of an image's numbers before they are deflated: as base64, not deflated at all, 300 KB.
MOST_BYTES = 225_000
_MOST_BOXES = 5_000  # proposals without a score to show; 21 bytes each
_ARRAYS = ("boxes", "sources", "background", "pairBox", "pairLabel", "mean", "networks", "moved")


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of a box and a class: places `rows` and `labels` (P,) in the scores' rows, columns.

    `floor` is the lowest score of theirs that is complete.
    """

    rows: IntArray
    labels: IntArray
    floor: float


def lowest_kept(card: ScoresCard) -> float:
    """Return from which score on the page needs a pair: what is selected, or votes."""
    return card.threshold if card.vote == "off" else min(card.threshold, LOWEST_VOTER)


def choose_pairs(row: RegionScores, card: ScoresCard, room: int) -> Pairs:
    """Return the pairs that any network scores high enough, fewer where `room` bytes are few."""
    highest = row.scores[:, :, :-1].max(axis=0)
    floor = lowest_kept(card)
    most = _most_pairs(row, card, room)
    values = highest[highest >= np.float32(floor)]
    if len(values) > most:
        # Of pairs with equal scores all go or none.
        bound = np.partition(values, len(values) - most - 1)[len(values) - most - 1]
        floor = float(values[values > bound].min(initial=np.inf))
        floor = floor if np.isfinite(floor) else 1.0
    rows, labels = np.nonzero(highest >= np.float32(floor))
    return Pairs(rows, labels, floor)


def _most_pairs(row: RegionScores, card: ScoresCard, room: int) -> int:
    """Return how many pairs `room` bytes hold beside boxes; each may need one more of these."""
    networks = len(row.scores)
    box = 21 + 16 * (card.deltas == "agnostic")
    boxes = min(len(row.boxes), _MOST_BOXES) * box
    each = 4 + 2 + 4 * (networks + 1) + 16 * (card.deltas == "classwise")
    each += box * (len(row.boxes) > _MOST_BOXES)
    return max(1, (room - boxes) // each)


def packed_regions(
    row: RegionScores, card: ScoresCard, sources: tuple[str, ...], room: int = MOST_BYTES
) -> tuple[dict[str, Any], Pairs]:
    """Return what the page gets of `row`, with places in `sources`, and the pairs that are in it.

    In `room` bytes before they are deflated. Boxes that are left out (beyond the first _MOST_BOXES,
    without a pair) are counted.
    """
    pairs = choose_pairs(row, card, room)
    mean = average(row.scores)
    kept = np.arange(len(row.boxes)) < _MOST_BOXES
    kept[pairs.rows] = True
    place = np.cumsum(kept) - 1
    moves, each = _moved(row, pairs, kept)
    own = row.scores[:, pairs.rows, pairs.labels]
    values: dict[str, Any] = {
        "boxes": packed(row.boxes[kept], "f4"),
        "sources": packed(_places(row.sources[kept], sources), smallest_kind(len(sources))),
        "background": packed(mean[kept, -1], "f4"),
        "pairBox": packed(place[pairs.rows], smallest_kind(len(row.boxes))),
        "pairLabel": packed(pairs.labels, smallest_kind(len(card.columns))),
        "mean": packed(mean[pairs.rows, pairs.labels], "f4"),
        "networks": packed(own, "f4"),
        "moved": None if moves is None else packed(moves, "f4"),
        "movedEach": each,
        "networkCount": len(row.scores),
        "floor": pairs.floor,
        "pairsLeftOut": _left_out(row, card, pairs),
        "boxesLeftOut": int((~kept).sum()),
        "arrays": list(_ARRAYS),
    }
    return values, pairs


def _left_out(row: RegionScores, card: ScoresCard, pairs: Pairs) -> int:
    highest = row.scores[:, :, :-1].max(axis=0)
    return int((highest >= np.float32(lowest_kept(card))).sum()) - len(pairs.rows)


def _moved(
    row: RegionScores, pairs: Pairs, kept: NDArray[np.bool_]
) -> tuple[FloatArray | None, str]:
    """Return where the regions go, each box or each pair, and which of the two."""
    if row.deltas is None:
        return None, "box"
    places = moved(row.boxes, row.deltas, row.size)
    if places.ndim == 2:
        return places[kept], "box"
    return places[pairs.rows, pairs.labels], "pair"


def _places(names: NDArray[np.str_], known: tuple[str, ...]) -> IntArray:
    numbers = {name: place for place, name in enumerate(known)}
    return np.array([numbers[name] for name in names.tolist()], np.int64)
