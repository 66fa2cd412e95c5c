"""What timing says of a crop, and of memory; how long one takes is not for a test to say."""

import pytest
import torch

from detect.models.timing import forget_peaks, peaks, time_crops

SIZE = 200 * 2**20


def test_a_crop_takes_time_on_a_named_device() -> None:
    threads = torch.get_num_threads()
    seconds, device = time_crops(32, 2, torch.device("cpu"))
    assert seconds > 0
    assert device == ("cpu, 1 thread" if threads == 1 else f"cpu, {threads} threads")


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
