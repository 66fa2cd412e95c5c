"""How long classifying a region takes on this machine, measured as `detect run` does it."""

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice

import torch

from detect.detector.batches import CropSettings, automatic_size
from detect.detector.pipeline import RegionScorer
from detect.detector.scoring import Score, softmax
from detect.models.cards import RegionClassifierCard
from detect.models.crop_time import Peak, forget_peaks, peaks
from detect.models.region_networks import RegionCard, RegionNetwork
from detect.structures import Image, Proposals

# Ours: batches an image, and images, the first of which does not count.
_BATCHES, _IMAGES = 2, 4


@dataclass(frozen=True)
class RegionTime:
    """`seconds` a region and network, measured on `regions`; the most memory, bytes."""

    seconds: float
    regions: int
    peak: Peak


def time_regions(
    model: RegionNetwork,
    card: RegionCard,
    device: torch.device,
    precision: str,
    pairs: Sequence[tuple[Image, Proposals]],
    score: Score = softmax,
) -> RegionTime:
    """Detect in the first regions of images of `pairs`, and measure: cutting, network, NMS.

    Of one trunk all regions: it is a part of what each takes. `precision` as in
    models.device.autocast, `score` as in RegionScorer. ValueError without a region.
    """
    if not any(len(proposals) for _, proposals in pairs):
        raise ValueError("time_regions: expected at least one region")
    forget_peaks(device)
    detector = RegionScorer([(model, card)], device, precision=precision, score=score)
    most = None
    if isinstance(card, RegionClassifierCard):
        most = _BATCHES * automatic_size(CropSettings.of(card), device)
    some = [(image, proposals.take(slice(most))) for image, proposals in pairs if len(proposals)]
    first, *others = islice(cycle(some), _IMAGES)
    _detect(detector, [first])
    start = time.perf_counter()
    regions = _detect(detector, others)
    return RegionTime((time.perf_counter() - start) / regions, regions, peaks(device))


def _detect(detector: RegionScorer, pairs: Sequence[tuple[Image, Proposals]]) -> int:
    """Detect in every image, and return the number of regions.

    Timed as a whole: a GPU is images ahead of the scores that come.
    """
    with closing(detector.detected(pairs)) as detected:
        return sum(len(proposals) for _, proposals, _, _ in detected)
