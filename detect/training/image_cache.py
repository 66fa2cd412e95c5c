"""Decoded images kept between batches, the ones used last."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from detect.data import read_pixels
from detect.images import shrink
from detect.structures import Image, Sample

# 2 GiB holds 2,300 images of 640x480.
CACHE_BYTES = 2 * 2**30


class _Kept(Protocol):
    """What stands for an image in a cache."""

    @property
    def nbytes(self) -> int:
        """Its bytes."""


Kept = TypeVar("Kept", bound=_Kept)


class KeptImages(Generic[Kept]):
    """What `form` makes of the images used last, up to a limit in bytes; for use from threads."""

    def __init__(self, image_side: int, limit: int, form: Callable[[Image], Kept]) -> None:
        self._image_side, self._limit, self._form = image_side, limit, form
        self._images: OrderedDict[Path, tuple[Kept, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def read(self, sample: Sample) -> tuple[Kept, float]:
        """Return the image of `sample`, shrunk to `image_side`, and its factor (images.shrink)."""
        with self._lock:
            if sample.path in self._images:
                self._images.move_to_end(sample.path)
                return self._images[sample.path]
        image = read_pixels(sample)
        shown, factor = shrink(image, self._image_side) if self._image_side else (image, 1.0)
        entry = self._form(shown), factor
        with self._lock:
            if sample.path not in self._images:
                self._images[sample.path] = entry
                self._bytes += entry[0].nbytes
            while self._bytes > self._limit and len(self._images) > 1:
                self._bytes -= self._images.popitem(last=False)[1][0].nbytes
        return entry

    def give_back(self) -> None:
        """Forget every image, and keep half as many bytes from now on: memory has run out."""
        with self._lock:
            self._limit = min(self._limit, self._bytes) // 2
            self._images.clear()
            self._bytes = 0


class ImageCache(KeptImages[Image]):
    """The images used last, decoded."""

    def __init__(self, image_side: int, limit: int = CACHE_BYTES) -> None:
        super().__init__(image_side, limit, lambda image: image)
