"""Objects and backgrounds cut from the freely licensed photographs inside scikit-image.

Only photographs that come in its wheel are read, from its folder, so nothing is ever fetched.
Licences as in the docstrings of skimage.data: astronaut and shuttle, NASA, public domain;
chelsea (cat), coffee, brick, camera, cell, grass, gravel, retina, CC0; clock_motion and text,
public domain; hubble_deep_field, NASA, free to use; coins (Brooklyn Museum) and ihc (CMMI), no
known copyright restrictions.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.errors import EnvironmentProblem
from detect.images import read_image
from detect.structures import Image

Mask = NDArray[np.uint8]
CLASSES = ("astronaut", "cat", "coin", "cup", "rocket")

# Outlines traced by hand, x and y in px of the photograph; refined to the true edge below.
_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "astronaut": (
        (228, 38), (262, 50), (290, 72), (301, 100), (284, 122), (269, 138), (262, 155),
        (257, 178), (283, 197), (305, 240), (328, 256), (348, 280), (360, 350), (405, 344),
        (450, 356), (482, 390), (496, 430), (511, 480), (511, 511), (22, 511), (18, 460),
        (24, 390), (36, 310), (50, 262), (80, 228), (108, 212), (114, 190), (135, 160),
        (160, 150), (186, 152), (188, 132), (172, 116), (155, 98), (156, 72), (180, 50),
    ),
    "cat": (
        (38, 60), (62, 26), (110, 6), (200, 0), (280, 2), (330, 16), (356, 52), (366, 100),
        (362, 140), (350, 180), (332, 215), (316, 252), (292, 284), (250, 296), (200, 290),
        (150, 270), (104, 234), (72, 190), (48, 142), (36, 100),
    ),
    "rocket": (
        (415, 0), (430, 13), (437, 35), (438, 50), (445, 40), (454, 60), (455, 133), (456, 230),
        (455, 235), (456, 255), (459, 262), (457, 268), (440, 271), (434, 263), (437, 253),
        (437, 236), (417, 235), (413, 248), (406, 267), (393, 268), (387, 258), (391, 245),
        (370, 273), (367, 267), (383, 233), (354, 229), (355, 215), (362, 205), (378, 184),
        (378, 133), (380, 117), (380, 67), (388, 42), (396, 59), (398, 35), (402, 17), (409, 2),
    ),
}  # fmt: skip
# Photograph, and the scale it is cut at: three times what the largest object in a scene needs
# would only cost time.
_PHOTOGRAPHS = {
    "astronaut": ("astronaut", 0.5),
    "cat": ("chelsea", 1.0),
    "rocket": ("astronaut", 1.0),
}
_MARGIN = 12  # px around an outline: enough background for GrabCut to learn


@dataclass(frozen=True, eq=False)
class Cutout:
    """An object: `image` (H, W, 3) and `alpha` (H, W), 255 where the object is."""

    image: Image
    alpha: Mask


def photograph_folder() -> Path:
    """Return the folder of the photographs; EnvironmentProblem without scikit-image."""
    try:
        import skimage
    except ImportError as error:
        raise EnvironmentProblem(
            "the demo's photographs come with scikit-image, which is not installed. "
            'Install it: pip install "detect[demo]".'
        ) from error
    return Path(skimage.__file__).parent / "data"


def photograph(name: str) -> Image:
    """Return the photograph `name` (H, W, 3); EnvironmentProblem where this version lacks it."""
    folder = photograph_folder()
    for suffix in (".png", ".jpg"):
        if (folder / (name + suffix)).is_file():
            return read_image(folder / (name + suffix))
    raise EnvironmentProblem(
        f"this scikit-image has no photograph {name!r}. Install the version the demo was made "
        'with: pip install "scikit-image>=0.24".'
    )


def load_cutouts() -> dict[str, list[Cutout]]:
    """Return the cut-out objects of every class; many coins, one of the others."""
    traced = {name: [_traced(name)] for name in _OUTLINES}
    return {**traced, "cup": [_cup()], "coin": _coins()}


def _traced(name: str) -> Cutout:
    """Cut what the outline of `name` surrounds."""
    source, scale = _PHOTOGRAPHS[name]
    image = photograph(source)
    if scale != 1:
        image = np.asarray(
            cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
    outline = np.rint(np.array(_OUTLINES[name]) * scale).astype(np.int32)
    left, top = np.maximum(outline.min(axis=0) - _MARGIN, 0)
    right, bottom = outline.max(axis=0) + _MARGIN
    image = np.ascontiguousarray(image[top:bottom, left:right])
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [outline - (left, top)], 255)
    if name == "cat":  # out of focus where it ends: there is no edge to find
        return _cut(image, _rounded(mask, sigma=6))
    return _cut(image, _refine(image, mask, band=4))


def _cup() -> Cutout:
    """Cut the coffee cup: the ellipses of its saucer and its rim, and what lies between."""
    image = photograph("coffee")
    mask = np.zeros(image.shape[:2], np.uint8)
    ellipse = partial(cv2.ellipse, mask, startAngle=0, endAngle=360, color=255, thickness=-1)
    ellipse(center=(279, 226), axes=(203, 160), angle=7)
    ellipse(center=(291, 113), axes=(118, 96), angle=2)
    return _cut(image, mask)


def _coins() -> list[Cutout]:
    """Cut every coin: bright regions grown from their middles, filled to convex shapes."""
    image = photograph("coins")
    mask = _coin_mask(image[..., 0])
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    coins = []
    for outline in sorted(outlines, key=lambda points: tuple(cv2.boundingRect(points))):
        hull = cv2.convexHull(outline)
        if 500 < cv2.contourArea(hull) < 5000:  # px²; leaves out specks and what touches
            single = np.zeros_like(mask)
            cv2.fillPoly(single, [hull], 255)
            coins.append(_cut(image, single))
    return coins


def _coin_mask(grey: Mask) -> Mask:
    """Segment coins by watershed; thresholds as in scikit-image's example of this picture."""
    markers = np.zeros(grey.shape, np.int32)
    markers[grey < 30], markers[grey > 150] = 1, 2
    # The example floods Sobel's gradient; the watershed of OpenCV takes it as an image.
    gradient = cv2.magnitude(*(cv2.Sobel(grey, cv2.CV_32F, i, 1 - i) for i in (0, 1)))
    scaled = cv2.normalize(gradient, gradient, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    cv2.watershed(cv2.cvtColor(scaled, cv2.COLOR_GRAY2BGR), markers)
    coins = ((markers == 2) * 255).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(coins, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)))


def _rounded(mask: Mask, sigma: float) -> Mask:
    """Round the corners of `mask` off over about `sigma` px."""
    blurred = cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    return ((blurred > 127) * 255).astype(np.uint8)


def _refine(image: Image, mask: Mask, band: int) -> Mask:
    """Move the edge of `mask` to the edge in `image`, by at most `band` px (GrabCut).

    Rother, Kolmogorov and Blake, "GrabCut", SIGGRAPH 2004.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band + 1, 2 * band + 1))
    inner, outer = cv2.erode(mask, kernel), cv2.dilate(mask, kernel)
    labels = np.full(mask.shape, cv2.GC_BGD, np.uint8)
    labels[outer > 0] = cv2.GC_PR_BGD
    labels[mask > 0] = cv2.GC_PR_FGD
    labels[inner > 0] = cv2.GC_FGD
    foreground_model, background_model = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)  # GrabCut starts its mixtures from OpenCV's global generator
    unused = (0, 0, 1, 1)
    cv2.grabCut(image, labels, unused, background_model, foreground_model, 3, cv2.GC_INIT_WITH_MASK)
    refined = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8) * 255
    return np.asarray(cv2.medianBlur(refined, 2 * band + 1))


def _cut(image: Image, mask: Mask) -> Cutout:
    """Crop to `mask`, its largest piece without holes, with a margin and a soft edge."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    solid = np.zeros_like(mask)
    cv2.fillPoly(solid, [max(outlines, key=cv2.contourArea)], 255)
    # One px in, so that nothing of the photograph's own background comes along.
    inner = cv2.erode(solid, np.ones((3, 3), np.uint8), borderValue=255)
    x, y, width, height = cv2.boundingRect(inner)
    rows, columns = slice(y, y + height), slice(x, x + width)
    margin = ((2, 2), (2, 2))
    padded = np.pad(image[rows, columns], (*margin, (0, 0)), mode="edge")
    alpha = cv2.GaussianBlur(np.pad(inner[rows, columns], margin), (0, 0), 1.0)
    return Cutout(padded, np.asarray(alpha, np.uint8))
