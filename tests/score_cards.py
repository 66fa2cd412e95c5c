"""The card of a file of scores, of a plain run of two networks, with what a test changes."""

from dataclasses import replace
from typing import Any

from detect.storage.scores_card import ScoresCard

_PLAIN = ScoresCard(
    split="test",
    classes=("cat", "dog"),
    category_ids=(1, 2),
    integer_ids=False,
    columns=("cat", "dog"),
    names=("a", "b"),
    hashes=("12", "34"),
    precision="float32",
    dtype="float32",
    proposals={},
    data="",
    threshold=0.01,
    nms=0.3,
    per_class=100,
    kind="nms",
    decay="gaussian",
    sigma=0.5,
    fusion_iou=0.55,
    vote="off",
    deltas="off",
    deltas_from=0.0,
    mirror=False,
    rounds=1,
    again=0,
)


def score_card(**changes: Any) -> ScoresCard:
    """Return the card with `changes`."""
    return replace(_PLAIN, **changes)
