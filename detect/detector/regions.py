"""The regions of images on their way through networks, whose batches hold those of several."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from detect.detector.cutting import Cut
from detect.errors import DetectError, option
from detect.structures import FloatArray, Image, IntArray

About = TypeVar("About")
# The networks of a group, by their indices.
Networks = tuple[int, ...]


class Regions(Generic[About]):
    """What networks say of the `boxes` (N, 4) of an `image`, as far as it is known.

    `about` is whatever the caller wants to find with it.
    """

    def __init__(self, image: Image, boxes: FloatArray, about: About) -> None:
        self.image, self.boxes, self.about = image, boxes, about
        self.last_batch = 0
        self._places: dict[Networks, IntArray] = {}
        self._parts: dict[Networks, list[Tensor]] = {}
        self._found: dict[Networks, _OnHost] = {}
        self._left = 0

    def expect(self, networks: Networks, count: int, places: IntArray) -> None:
        """Note that `count` crops go through `networks`; box n shows crop `places[n]`."""
        self._places[networks], self._parts[networks] = places, []
        self._left += count

    def take(self, networks: Networks, values: Tensor, batch: int) -> None:
        """Take the `values` (networks, n, K) of the next n crops, from `batch` number so and so.

        With the last ones all are sent to the host.
        """
        self._parts[networks].append(values)
        self._left -= values.shape[1]
        if self.complete:
            self.last_batch = batch
            self._found = {
                group: _OnHost(torch.cat(parts, 1)) for group, parts in self._parts.items()
            }
            self._parts.clear()

    @property
    def complete(self) -> bool:
        """Whether no values are expected any more."""
        return self._left == 0

    def values(self) -> Iterator[tuple[int, FloatArray]]:
        """Yield the values (N, K) of every network by its index; nothing where N is 0.

        DetectError for values that are not finite.
        """
        for networks, found in self._found.items():
            for network, values in zip(networks, _finite(found.array()), strict=True):
                yield network, values[self._places[networks]]


class _OnHost:
    """`values` on their way to the host, which goes on meanwhile."""

    def __init__(self, values: Tensor) -> None:
        self._values = values.to("cpu", non_blocking=True)
        self._event: torch.cuda.Event | None = None
        if values.is_cuda:
            self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._event.record(torch.cuda.current_stream(values.device))

    def array(self) -> FloatArray:
        """Wait for the values, and return them."""
        if self._event is not None:
            self._event.synchronize()
        return np.asarray(self._values.numpy())


def _finite(values: FloatArray) -> FloatArray:
    if not np.isfinite(values).all():
        raise DetectError(
            "a network gives values that are not finite. Its weights are broken; if training "
            f"ended well, try {option('precision', 'float32')}."
        )
    return values


class Part(NamedTuple):
    """Whose crops those at `place` in a batch are."""

    regions: Regions[Any]
    place: slice


@dataclass(frozen=True, eq=False)
class SharedCrops:
    """`count` crops on their way to the `networks` (their indices) that share them.

    `parts` says whose they are; those after the last part only fill the batch. `cut` returns those
    of a slice as (n, 3, S, S), 0..255, on the device.
    """

    networks: Networks
    count: int
    parts: tuple[Part, ...]
    cut: Cut


def in_order(
    items: Iterable[Regions[About] | SharedCrops],
    classify: Callable[[SharedCrops], Tensor],
    ahead: int,
) -> Iterator[Regions[About]]:
    """Classify the batches among `items` and yield the regions, in order, as they are complete.

    `classify` returns values (networks, count, K). Where it only begins work that a device does,
    `ahead` batches more are begun before anybody waits for values: what the caller does with one
    image hides behind the networks on the next.
    """
    begun, waiting = 0, deque[Regions[About]]()
    for item in items:
        if isinstance(item, Regions):
            waiting.append(item)
        else:
            values = classify(item)
            begun += 1
            for regions, place in item.parts:
                regions.take(item.networks, values[:, place], begun)
        while waiting and waiting[0].complete and begun - waiting[0].last_batch >= ahead:
            yield waiting.popleft()
    yield from waiting
