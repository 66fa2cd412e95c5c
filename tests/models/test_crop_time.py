"""What timing makes of a clock, and of memory; how long a crop takes is not for a test to say."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import accumulate
from types import SimpleNamespace

import pytest
import torch

from detect.models import crop_time
from detect.models.crop_time import describe, forget_peaks, peaks, time_crops

SIZE = 200 * 2**20


@pytest.fixture
def threads() -> Iterator[None]:
    """Restore the number of torch's threads afterwards."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def clock(seconds: Sequence[float]) -> SimpleNamespace:
    """Return a `time` by which one batch after the other takes `seconds`, 100 s apart."""
    steps = [step for one in seconds for step in (100.0, one)]
    return SimpleNamespace(perf_counter=accumulate(steps).__next__)


def test_a_crop_takes_its_share_of_the_median_batch_after_the_first(
    monkeypatch: pytest.MonkeyPatch, threads: None
) -> None:
    # Without the first: 1, 2 and 6 s, median 2 (mean 3; with the first, median 4); four crops.
    monkeypatch.setattr(crop_time, "time", clock([32, 6, 1, 2]))
    torch.set_num_threads(1)
    assert time_crops(32, 4, torch.device("cpu")) == (0.5, "cpu, 1 thread")


@pytest.mark.parametrize(("count", "text"), [(1, "cpu, 1 thread"), (2, "cpu, 2 threads")])
def test_a_cpu_is_described_by_its_threads(threads: None, count: int, text: str) -> None:
    torch.set_num_threads(count)
    assert describe(torch.device("cpu")) == text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_peaks_of_a_gpu_that_did_nothing_yet_are_forgotten() -> None:
    code = (
        "import torch; from detect.models.crop_time import forget_peaks, peaks; "
        "gpu = torch.device('cuda:0'); forget_peaks(gpu); print(peaks(gpu).gpu)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "0\n"), ran.stderr


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_what_earlier_work_took_of_a_gpu_is_forgotten() -> None:
    gpu = torch.device("cuda:0")
    forget_peaks(gpu)
    before = peaks(gpu).gpu
    held = torch.ones(SIZE, dtype=torch.uint8, device=gpu)
    assert peaks(gpu).gpu >= before + SIZE
    del held
    forget_peaks(gpu)
    assert peaks(gpu).gpu == before
