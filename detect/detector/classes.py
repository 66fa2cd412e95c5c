"""What several networks have in common: their classes, and how they move boxes."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from detect.errors import DataError, option
from detect.models.region_networks import RegionCard
from detect.storage.scores_card import Deltas
from detect.structures import IntArray


def shared_classes(known: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the class names that all networks know, in the first one's order.

    Raises DataError where they differ, ValueError without a network.
    """
    if not known:
        raise ValueError("models: expected at least one")
    first = set(known[0])
    for number, other in enumerate(known[1:], start=2):
        if different := sorted(first ^ set(other)):
            raise DataError(
                f"the models do not know the same classes: only one of model 1 and model "
                f"{number} knows {listed(different)}. Networks can be averaged over the same "
                "classes alone."
            )
    return known[0]


def shared_regression(cards: Sequence[RegionCard]) -> Deltas:
    """Return how all networks move boxes, "off" where none does; DataError where they differ."""
    for number, card in enumerate(cards[1:], start=2):
        if card.regression != cards[0].regression:
            raise DataError(
                f"the models do not move boxes alike: regression of model 1 is "
                f"{cards[0].regression}, of model {number} {card.regression}. Their boxes cannot "
                f"be averaged: give models of one kind, or {option('regression', 'off')}."
            )
    return cast(Deltas, cards[0].regression)


def listed(names: Sequence[str]) -> str:
    """Return up to five of `names` for an error."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def places(names: Sequence[str], classes: Sequence[str]) -> IntArray:
    """Return the place in `classes` of each of `names` (N,); DataError for one not there."""
    if unknown := [name for name in names if name not in classes]:
        raise DataError(
            f"the model has classes that the data set does not have: {listed(unknown)}. The data "
            f"set has {listed(classes)}. Train a model on these classes, or name them alike."
        )
    return np.array([classes.index(name) for name in names], np.int64)
