"""What this machine is, how much memory work took on it, how long a crop takes: measured."""

import time
from statistics import median
from typing import NamedTuple

import torch

from detect.memory import forget_peak, peak_memory
from detect.models.device import autocast
from detect.models.inference import prepare_for_inference
from detect.models.region_classifier import RegionClassifier

# Outputs of the network that is timed: those of ILSVRC DET. Their number hardly matters.
_CLASSES = 200
_ROUNDS = 3


class CropTime(NamedTuple):
    """Seconds a crop, and what they were measured on: "cpu, 2 threads" or a GPU's name."""

    seconds: float
    device: str


def time_crops(input_size: int, batch: int, device: torch.device) -> CropTime:
    """Time GoogLeNet-bn on crops of `input_size` px, `batch` at a time, as `detect run` has it.

    The network alone, from bytes on the device to scores, in its precision of this machine; no
    cutting, no NMS. Weights are fresh, for they do not change the time. The median of three
    batches after one that is not counted.
    """
    model = prepare_for_inference(RegionClassifier(_CLASSES, "bn", auxiliary=False).to(device))
    crops = torch.randint(0, 256, (batch, 3, input_size, input_size), dtype=torch.uint8)
    crops = crops.to(device).contiguous(memory_format=torch.channels_last)
    _classify(model, crops)
    seconds = median(_classify(model, crops) for _ in range(_ROUNDS))
    return CropTime(seconds / batch, describe(device))


@torch.inference_mode()
def _classify(model: RegionClassifier, crops: torch.Tensor) -> float:
    """Return the seconds until the scores of `crops` (N, 3, S, S) are there."""
    start = time.perf_counter()
    with autocast(crops.device):
        logits = model(crops)
    logits.float().softmax(dim=1).cpu()  # waits for a GPU
    return time.perf_counter() - start


def describe(device: torch.device) -> str:
    """Return "cpu, 2 threads", or a GPU's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type}, {threads} thread{'' if threads == 1 else 's'}"


class Peak(NamedTuple):
    """The most bytes held: of the machine's memory, and of the GPU's (0 on a CPU)."""

    memory: int
    gpu: int


def forget_peaks(device: torch.device) -> None:
    """Let `peaks` begin anew, as far as the system can."""
    forget_peak()
    if device.type == "cuda":
        # Before it there is no allocator, and "Invalid device argument".
        torch.cuda.init()  # type: ignore[no-untyped-call]
        # The peak becomes what is reserved now, which may be what earlier work left behind.
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peaks(device: torch.device) -> Peak:
    """Return the most this process has held since `forget_peaks`."""
    on_gpu = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
    return Peak(peak_memory(), on_gpu)


def finish(device: torch.device) -> None:
    """Wait until `device` has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
