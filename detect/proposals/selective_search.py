"""Selective Search, built by hand from OpenCV's parts.

Uijlings, van de Sande, Gevers, Smeulders: Selective Search for Object Recognition, IJCV 2013;
settings from R-CNN's selective_search/selective_search_boxes.m. OpenCV's own
`switchToSelectiveSearchFast` keeps its smallest superpixel at 100 px whatever k, so it cannot
double superpixels as GoogLeNet's entry did (section 8 of the paper); here it is k, as in R-CNN.
"""

import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.boxes import areas, canonical_order, clip
from detect.errors import EnvironmentProblem
from detect.proposals.settings import LONGEST_SIDE, ColourSpace, SearchSettings, Strategy
from detect.structures import FloatArray, Image, Proposals

SOURCE = "selective-search"


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
    boxes = find_boxes(image, settings)
    boxes = boxes[_ranking(boxes, image_id, seed)]
    sources = np.full(len(boxes), SOURCE)
    return Proposals(image_id, size, boxes, scores_by_rank(len(boxes)), sources)


def scores_by_rank(count: int) -> FloatArray:
    """Return scores (count,) that say the order and no more: 1, ... , 1 / count."""
    return (1 - np.arange(count) / max(count, 1)).astype(np.float32)


def find_boxes(image: Image, settings: SearchSettings) -> FloatArray:
    """`image` (H, W, 3) -> distinct boxes (N, 4), in canonical order."""
    height, width = image.shape[:2]
    if min(height, width) < settings.min_side:
        return np.zeros((0, 4), np.float32)
    resized = _resize(image, settings.width)
    rectangles = np.asarray(_search(resized, settings), np.float64).reshape(-1, 4)
    boxes = np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], axis=1)
    boxes *= np.tile([width / resized.shape[1], height / resized.shape[0]], 2)
    distinct = clip(np.unique(boxes.astype(np.float32), axis=0), (height, width))
    sides = distinct[:, 2:] - distinct[:, :2]
    kept = distinct[(sides >= settings.min_side).all(axis=1)]
    return kept[canonical_order(kept)]


def _resize(image: Image, width: int) -> Image:
    """Resize `image` to `width`, less where its longer side would pass LONGEST_SIDE."""
    height_before, width_before = image.shape[:2]
    factor = min(width / width_before, LONGEST_SIDE / max(height_before, width_before))
    target = (max(1, round(width_before * factor)), max(1, round(height_before * factor)))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, target, interpolation=method), np.uint8)


def _search(image: Image, settings: SearchSettings) -> NDArray[np.int32]:
    """`image` (H, W, 3) -> rectangles_xywh (N, 4) px of it, in OpenCV's order (C rand())."""
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
    return np.asarray(search.process(), np.int32)


def _strategy(module: Any, measures: tuple[str, ...]) -> Any:
    """Return the equally weighted sum of `measures`; made anew because OpenCV's keep state."""
    prefix = "createSelectiveSearchSegmentationStrategy"
    return getattr(module, f"{prefix}Multiple")(
        *(getattr(module, prefix + measure)() for measure in measures)
    )


def _ranking(boxes: FloatArray, image_id: str, seed: int) -> NDArray[np.intp]:
    """`boxes` (N, 4) in canonical order -> their ranking (N,), best first.

    Uijlings et al. section 3.3 sort by position in the hierarchy (1: the whole image) times a
    random number, so that large regions come early but not always. OpenCV does not give the
    position (and its own order puts small regions first): the place by area stands for it.
    """
    position = np.empty(len(boxes))
    position[np.argsort(-areas(boxes), kind="stable")] = np.arange(1, len(boxes) + 1)
    generator = np.random.default_rng([seed % 2**32, zlib.crc32(image_id.encode())])
    return np.argsort(position * generator.random(len(boxes)), kind="stable")
