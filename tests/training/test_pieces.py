"""Batches in pieces: which samples are in which, and how pieces shrink."""

import re
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detect.errors import EnvironmentProblem
from detect.training.pieces import largest, pieces, smaller


@given(st.integers(1, 300), st.integers(1, 300))
def test_pieces_are_the_batch_none_of_one_sample(rows: int, most: int) -> None:
    batch = (torch.arange(rows), torch.arange(2 * rows).reshape(rows, 2))
    found = list(pieces(batch, most))
    for tensor, parts in zip(batch, zip(*found, strict=True), strict=True):
        assert torch.equal(torch.cat(parts), tensor)
    sizes = [len(first) for first, _ in found]
    assert max(sizes) == largest(rows, most) <= max(most, 3)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) > 1 or rows == 1


def test_pieces_by_hand() -> None:
    # Pieces of 3, 3, 3 and 1 are what batch normalisation refuses.
    assert [len(piece) for (piece,) in pieces((torch.arange(10),), 3)] == [3, 3, 2, 2]
    assert [len(piece) for (piece,) in pieces((torch.arange(7),), 2)] == [3, 2, 2]


@pytest.mark.parametrize(
    ("rows", "tried"), [(100, [100, 50, 25, 13, 7, 4, 2]), (7, [7, 4, 3]), (3, [3]), (1, [1])]
)
def test_pieces_shrink_by_half_to_the_smallest_there_are(rows: int, tried: list[int]) -> None:
    cpu, most = torch.device("cpu"), rows
    for before, after in pairwise(tried):
        assert largest(rows, most) == before
        most = smaller(rows, most, cpu)
        assert largest(rows, most) == after
    samples = f"{tried[-1]} sample{'s' if tried[-1] > 1 else ''}"
    expected = (
        f"out of memory on cpu with {samples} at a time. Lower model.input_size or batch_size."
    )
    with pytest.raises(EnvironmentProblem, match=re.escape(expected)):
        smaller(rows, most, cpu)
