"""Whether an engine says of crops what PyTorch says of them."""

from typing import NamedTuple

import numpy as np
import torch

from detect.errors import DetectError
from detect.models.exported.engines import Engine
from detect.models.exported.graph import Graph
from detect.models.exported.inputs import ExportedCard, made_inputs
from detect.structures import FloatArray

# Ours: scores, deltas in sides of a box, boxes in fractions of the window. A trained network
# differed by 4e-7 (docs/engines.md).
TOLERANCE = 1e-4
_BATCHES = (1, 6)


class Difference(NamedTuple):
    """The largest difference in float32, of the output `name`."""

    name: str
    value: float


def compare(graph: Graph, engine: Engine, card: ExportedCard) -> Difference:
    """Return where `engine` differs most from `graph` in PyTorch, on what `card` says it sees.

    Of logits their softmax is compared, which is what detections are made of. DetectError where it
    is more than TOLERANCE, or not a number.
    """
    found = dict.fromkeys(graph.names, 0.0)
    for count in _BATCHES:
        inputs = made_inputs(card, count)
        with torch.inference_mode():
            expected = [one.numpy() for one in graph(*map(torch.from_numpy, inputs.values()))]
        for name, one, other in zip(graph.names, expected, engine(inputs), strict=True):
            largest = _largest(name, one, other)
            found[name] = max(found[name], largest) if largest == largest else largest
    # What is not a number is larger than any.
    name, value = max(found.items(), key=lambda one: np.nan_to_num(one[1], nan=np.inf))
    if not value <= TOLERANCE:
        raise DetectError(
            f"the exported network is another one: its {name} differ from PyTorch's by {value:.2g} "
            f"in float32, expected at most {TOLERANCE:g}. Nothing was written."
        )
    return Difference(name, value)


def _largest(name: str, expected: FloatArray, found: FloatArray) -> float:
    if expected.shape != found.shape:
        return float("nan")
    if name == "logits":
        expected, found = _softmax(expected), _softmax(found)
    return float(np.abs(expected - found).max())


def _softmax(logits: FloatArray) -> FloatArray:
    return torch.from_numpy(logits).softmax(1).numpy()
