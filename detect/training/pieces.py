"""A batch computed in pieces of nearly equal size, where it does not fit in memory whole.

No piece is of a single sample unless the batch is: batch normalisation on maps of 1x1 px would
have nothing to take a mean of.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from detect.errors import EnvironmentProblem, option


def pieces(batch: tuple[Tensor, ...], most: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of `batch` in order, at most `most` (three instead of two and one) a piece."""
    count = _count(len(batch[0]), most)
    return zip(*(tensor.tensor_split(count) for tensor in batch), strict=True)


def largest(rows: int, most: int) -> int:
    """Return the samples of the largest piece of a batch of `rows`."""
    return math.ceil(rows / _count(rows, most))


def smaller(rows: int, most: int, device: torch.device) -> int:
    """Return the `most` that halves the largest piece, rounding up.

    Raises EnvironmentProblem where no piece can be smaller.
    """
    tried = largest(rows, most)
    half = math.ceil(tried / 2)
    if largest(rows, half) == tried:
        raise EnvironmentProblem(
            f"out of memory on {device} with {tried} sample{'' if tried == 1 else 's'} at a time. "
            f"Lower model.input_size or {option('batch_size')}."
        )
    return half


def _count(rows: int, most: int) -> int:
    return max(1, min(math.ceil(rows / most), rows // 2))
