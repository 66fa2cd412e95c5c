"""Selective Search: by our own grouping, or built by hand from OpenCV's parts.

Uijlings, van de Sande, Gevers, Smeulders: Selective Search for Object Recognition, IJCV 2013;
settings from R-CNN's selective_search/selective_search_boxes.m. OpenCV's own
`switchToSelectiveSearchFast` keeps its smallest superpixel at 100 px whatever k, so it cannot
double superpixels as GoogLeNet's entry did (section 8 of the paper); here it is k, as in R-CNN.
"""

import importlib
import mmap
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas, canonical_order, clip
from detect.errors import EnvironmentProblem, option
from detect.proposals.settings import LONGEST_SIDE, ColourSpace, SearchSettings, Strategy
from detect.structures import FloatArray, Image, Proposals

SOURCE = "selective-search"
_BYTES_TO_COMPILE = 2**29  # address space; with less than 300 MiB LLVM ends the process


def _rgi(image: Image) -> Image:
    """Return red and green normalised by the sum of the channels, and the intensity (H, W, 3)."""
    total = np.maximum(image.sum(axis=2, dtype=np.float32), 1)
    shares = np.rint(image[:, :, :2] * (255 / total[:, :, None])).astype(np.uint8)
    return np.dstack([shares, _convert(cv2.COLOR_RGB2GRAY)(image)])


def _convert(code: int) -> Callable[[Image], Image]:
    """Return the conversion `code` of OpenCV, 8 bits a channel."""
    return lambda image: np.asarray(cv2.cvtColor(image, code), np.uint8)


def _hue(image: Image) -> Image:
    """Return the hue alone (H, W), 0..179."""
    return np.ascontiguousarray(_convert(cv2.COLOR_RGB2HSV)(image)[:, :, 0])


# Uijlings et al. section 3.2, "Complementary Colour Spaces", the five of R-CNN's file.
_CONVERSIONS: dict[ColourSpace, Callable[[Image], Image]] = {
    "hsv": _convert(cv2.COLOR_RGB2HSV),
    "lab": _convert(cv2.COLOR_RGB2Lab),
    "rgi": _rgi,
    "hue": _hue,
    "intensity": _convert(cv2.COLOR_RGB2GRAY),
}

# Uijlings et al. section 3.2, "Complementary Similarity Measures"; names as in R-CNN's file.
MEASURES = ("Color", "Texture", "Size", "Fill")
_MEASURES: dict[Strategy, tuple[str, ...]] = {
    "colour+texture+size+fill": ("Color", "Texture", "Size", "Fill"),
    "texture+size+fill": ("Texture", "Size", "Fill"),
    "fill": ("Fill",),
    "size": ("Size",),
}


def segmentation_module() -> Any:
    """Return cv2.ximgproc.segmentation, or raise EnvironmentProblem with the repair command.

    opencv-python-headless, which albumentations pulls in, shares the folder cv2/ with the
    contrib build; installed later it removes Selective Search but leaves cv2.ximgproc.
    """
    module = getattr(getattr(cv2, "ximgproc", None), "segmentation", None)
    if not hasattr(module, "createSelectiveSearchSegmentation"):
        raise EnvironmentProblem(
            f"OpenCV {cv2.__version__} in {cv2.__file__} has no Selective Search: another OpenCV "
            "package was installed over the contrib build.\n"
            "Repair: pip install --force-reinstall --no-deps opencv-contrib-python-headless"
        )
    return module


def propose(image: Image, image_id: str, settings: SearchSettings, seed: int = 0) -> Proposals:
    """Propose regions of `image` (H, W, 3): N boxes, best first, scores falling from 1 to 1/N.

    The same image, id, settings and seed give the same bytes in any process. An image with a
    side below `min_side` has none; one without any edge has one, the whole of it.
    """
    size = (image.shape[0], image.shape[1])
    found = _find(image, settings)
    by = _by_hierarchy if settings.ranking == "hierarchy" else _by_area
    generator = np.random.default_rng([seed % 2**32, zlib.crc32(image_id.encode())])
    boxes = found.boxes[by(found, generator)]
    sources = np.full(len(boxes), SOURCE)
    return Proposals(image_id, size, boxes, scores_by_rank(len(boxes)), sources)


def scores_by_rank(count: int) -> FloatArray:
    """Return scores (count,) that say the order and no more: 1, ... , 1 / count."""
    return (1 - np.arange(count) / max(count, 1)).astype(np.float32)


def find_boxes(image: Image, settings: SearchSettings) -> FloatArray:
    """`image` (H, W, 3) -> distinct boxes (N, 4), in canonical order."""
    return _find(image, settings).boxes


def one_hierarchy(
    image: Image, settings: SearchSettings
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]] | None:
    """Return the segments of `image` (H, W, 3) and how they merge, as `search.hierarchy` does.

    By the first colour space, k and strategy of `settings`, px of the resized image; None for an
    image with a side below `min_side`, which has no proposals.
    """
    if min(image.shape[:2]) < settings.min_side:
        return None
    converted = _CONVERSIONS[settings.colour_spaces[0]](_resize(image, settings.width))
    measures = tuple(one in _MEASURES[settings.strategies[0]] for one in MEASURES)
    found: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
    found = search_module().hierarchy(converted, settings.ks[0], settings.sigma, measures)
    return found


@dataclass(frozen=True, eq=False)
class _Found:
    """Distinct `boxes` (N, 4) in canonical order, and the M regions that they are of.

    `box_of` (M,) is a region's place among `boxes`, -1 if it was dropped; `positions` (M,) in its
    hierarchy, 1 the whole image, 0 where they are not known (OpenCV).
    """

    boxes: FloatArray
    box_of: NDArray[np.intp]
    positions: NDArray[np.intp]


def _find(image: Image, settings: SearchSettings) -> _Found:
    height, width = image.shape[:2]
    if min(height, width) < settings.min_side:
        none = np.zeros(0, np.intp)
        return _Found(np.zeros((0, 4), np.float32), none, none)
    resized = _resize(image, settings.width)
    search = _search if settings.search == "own" else _search_by_opencv
    boxes, positions = search(resized, settings)
    boxes = boxes * np.tile([width / resized.shape[1], height / resized.shape[0]], 2)
    distinct, box_of = np.unique(boxes.astype(np.float32), axis=0, return_inverse=True)
    distinct = clip(distinct, (height, width))
    sides = distinct[:, 2:] - distinct[:, :2]
    kept = np.flatnonzero((sides >= settings.min_side).all(axis=1))
    kept = kept[canonical_order(distinct[kept])]
    places = np.full(len(distinct), -1)
    places[kept] = np.arange(len(kept))
    return _Found(distinct[kept], places[box_of.reshape(-1)], positions)


def _resize(image: Image, width: int) -> Image:
    """Resize `image` to `width`, less where its longer side would pass LONGEST_SIDE."""
    height_before, width_before = image.shape[:2]
    factor = min(width / width_before, LONGEST_SIDE / max(height_before, width_before))
    target = (max(1, round(width_before * factor)), max(1, round(height_before * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, target, interpolation=method), np.uint8)


def _search(image: Image, settings: SearchSettings) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """`image` (H, W, 3) -> boxes (M, 4) px of it and their positions (M,), by our own grouping."""
    found = list(
        search_module().hierarchies(
            [_CONVERSIONS[name](image) for name in settings.colour_spaces],
            settings.ks,
            settings.sigma,
            [tuple(one in _MEASURES[name] for one in MEASURES) for name in settings.strategies],
        )
    )
    # The last that was made is the top of the hierarchy.
    positions = np.concatenate([np.arange(len(boxes), 0, -1) for boxes in found])
    return np.concatenate(found), positions


def search_module() -> Any:
    """Return detect.proposals.search, or raise EnvironmentProblem with what to do without it."""
    other = f"{option('search', 'opencv')}: the same boxes, slower."
    try:
        mmap.mmap(-1, _BYTES_TO_COMPILE).close()
    except (OSError, MemoryError) as error:
        raise EnvironmentProblem(
            "not enough memory to load numba, which compiles Selective Search. Allow more "
            f"(ulimit -v), or use {other}"
        ) from error
    try:
        return importlib.import_module("detect.proposals.search")
    except (ImportError, OSError) as error:
        raise EnvironmentProblem(
            f"numba, which compiles Selective Search, cannot be imported: {error}\n"
            f"Repair: pip install -U numba, or use {other}"
        ) from error


def _search_by_opencv(
    image: Image, settings: SearchSettings
) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """`image` (H, W, 3) -> boxes (M, 4) px of it, in OpenCV's order (C rand()); positions 0."""
    module = segmentation_module()
    search = module.createSelectiveSearchSegmentation()
    search.setBaseImage(image)
    for name in settings.colour_spaces:
        search.addImage(_CONVERSIONS[name](image))
    for k in settings.ks:
        search.addGraphSegmentation(
            module.createGraphSegmentation(settings.sigma, float(k), min_size=k)
        )
    for strategy in settings.strategies:
        search.addStrategy(_strategy(module, _MEASURES[strategy]))
    rectangles = np.asarray(search.process(), np.int32).reshape(-1, 4)
    corners = np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], axis=1)
    return corners, np.zeros(len(corners), np.intp)


def _strategy(module: Any, measures: tuple[str, ...]) -> Any:
    """Return the equally weighted sum of `measures`; made anew because OpenCV's keep state."""
    prefix = "createSelectiveSearchSegmentationStrategy"
    return getattr(module, f"{prefix}Multiple")(
        *(getattr(module, prefix + measure)() for measure in measures)
    )


def _by_area(found: _Found, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the ranking (N,) of the boxes, best first: their place by area times chance.

    Uijlings et al. section 3.3 sort by position in the hierarchy (1: the whole image) times a
    random number, so that large regions come early but not always. OpenCV does not give the
    position (and its own order puts small regions first): the place by area stands for it.
    """
    boxes = found.boxes
    place = np.empty(len(boxes))
    place[np.argsort(-areas(boxes), kind="stable")] = np.arange(1, len(boxes) + 1)
    return np.argsort(place * generator.random(len(boxes)), kind="stable")


def _by_hierarchy(found: _Found, generator: np.random.Generator) -> NDArray[np.intp]:
    """Return the ranking (N,) of the boxes, best first, of Uijlings et al. section 3.3.

    Every region has its position times a random number of its own; of those with one box the
    first counts.
    """
    values = found.positions * generator.random(len(found.positions))
    kept = found.box_of >= 0
    best = np.full(len(found.boxes), np.inf)
    np.minimum.at(best, found.box_of[kept], values[kept])
    return np.argsort(best, kind="stable")
