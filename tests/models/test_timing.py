"""What timing says of a crop; how long one takes is not for a test to say."""

import torch

from detect.models.timing import time_crops


def test_a_crop_takes_time_on_a_named_device() -> None:
    threads = torch.get_num_threads()
    seconds, device = time_crops(32, 2, torch.device("cpu"))
    assert seconds > 0
    assert device == ("cpu, 1 thread" if threads == 1 else f"cpu, {threads} threads")
