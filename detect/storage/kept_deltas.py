"""How boxes move, as files of scores keep it: one delta a region, or those of some classes.

Columns beside the scores: deltas (flat: network by network, box by box, 4 each). Where there is a
box a class, only pairs of a box and a class that any network scores high enough, with their places
among all pairs (box by box, class by class) in the column pairs: of the others nobody is selected.
"""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from detect.storage.parquet import numbers
from detect.storage.scores_card import Kept
from detect.structures import FloatArray


def delta_fields(kept: Kept, numbers_type: pa.DataType) -> dict[str, pa.DataType]:
    """Return the columns that `kept` has beside the scores."""
    if kept.deltas == "off":
        return {}
    fields: dict[str, pa.DataType] = {"deltas": pa.list_(numbers_type)}
    if kept.deltas == "classwise":
        fields["pairs"] = pa.list_(pa.int32())
    return fields


def packed(scores: FloatArray, deltas: FloatArray | None, kept: Kept) -> dict[str, Any]:
    """`scores` (M, N, C+1) as kept, `deltas` (M, N, K, 4) -> a row of these columns.

    ValueError for deltas that are not there, or of another kind than `kept` says.
    """
    if kept.deltas == "off":
        return {}
    classes = scores.shape[2] - 1 if kept.deltas == "classwise" else 1
    if deltas is None or deltas.shape != (*scores.shape[:2], classes, 4):
        got = None if deltas is None else deltas.shape
        raise ValueError(f"deltas: expected {kept.deltas} ones of scores {scores.shape}, got {got}")
    flat = deltas.reshape(len(deltas), -1, 4)
    if kept.deltas == "agnostic":
        return {"deltas": [flat.reshape(-1).astype(kept.dtype)]}
    pairs = _pairs(scores, kept)
    return {"deltas": [flat[:, pairs].reshape(-1).astype(kept.dtype)], "pairs": [pairs]}


def _pairs(scores: FloatArray, kept: Kept) -> NDArray[np.int32]:
    """Return the places of the pairs that some network scores `deltas_from` or more.

    So high is then every weighted mean that is, of all networks or of some.
    """
    highest = scores[:, :, :-1].max(axis=0).reshape(-1)
    return np.flatnonzero(highest >= np.float32(kept.deltas_from)).astype(np.int32)


def unpacked(values: dict[str, Any], scores: FloatArray, kept: Kept) -> FloatArray | None:
    """Return the deltas (M, N, K, 4) of `cells`, 0 for pairs that were not kept.

    None where none are; ValueError for others than belong to `scores`.
    """
    if kept.deltas == "off":
        return None
    networks, count, columns = scores.shape
    found = numbers(values, "deltas").astype(np.float32).reshape(networks, -1, 4)
    if kept.deltas == "agnostic":
        return found.reshape(networks, count, 1, 4)
    pairs = numbers(values, "pairs")
    every = count * (columns - 1)
    if not (np.diff(pairs, prepend=-1, append=every) > 0).all():
        raise ValueError("pairs: not places of boxes and classes in their order")
    dense = np.zeros((networks, every, 4), np.float32)
    dense[:, pairs] = found
    return dense.reshape(networks, count, columns - 1, 4)
