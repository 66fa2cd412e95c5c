"""Which rows of a batch each process makes, and what cannot be shared."""

from itertools import chain

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from detect.errors import UsageError
from detect.training.distributed import ALONE, Processes, joined


@given(st.integers(1, 9), st.integers(0, 60))
def test_the_rows_of_all_processes_are_the_batch(count: int, spare: int) -> None:
    size = count + spare
    rows = [list(range(size))[Processes(rank, count).rows(size)] for rank in range(count)]
    assert list(chain(*rows)) == list(range(size))
    lengths = [len(part) for part in rows]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_a_batch_that_leaves_a_process_without_a_sample_is_refused(rank: int) -> None:
    with pytest.raises(UsageError, match="a batch of 2 for 3 processes leaves some without"):
        Processes(rank, 3).rows(2)


def test_alone_nothing_is_shared() -> None:
    values = torch.ones(3)
    ALONE.add(values)
    assert values.tolist() == [1, 1, 1]
    assert ALONE.any(True, torch.device("cpu"))
    assert not ALONE.any(False, torch.device("cpu"))
    assert ALONE.from_first(lambda: 5) == 5
    assert ALONE.rows(7) == slice(0, 7)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "8")  # Of some other launcher.
    with joined("cpu") as (processes, device):
        assert processes == ALONE
        assert device == torch.device("cpu")


def test_one_gpu_cannot_be_named_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TORCHELASTIC_RUN_ID", "1"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    expected = "device=cuda:0: under torchrun every process needs a GPU of its own"
    with pytest.raises(UsageError, match=expected), joined("cuda:0"):
        pass
