"""The windows of an image that MultiBox looks at, and what of a window's boxes to believe.

Windows are (x1, y1, x2, y2), whole px of the image, half-open. What the network says is in
fractions [0, 1] of the window, whatever its shape: it is warped to a square.
"""

import cv2
import numpy as np

from detect.structures import BoolArray, FloatArray, Image, Size

Window = tuple[int, int, int, int]

VIEWS = ("whole", "squares", "dense")
SIDE = 0.6  # of the shorter side: Erhan et al., arXiv 1312.2249, section 4.2, the second scale
# gvanhorn38/multibox, detect.py: boxes this near to a cut are parts of objects as a rule.
MARGIN = 0.1


def views(size: Size, kind: str) -> list[Window]:
    """Return the windows of an image of `size` (H, W) px: different ones, the whole image first.

    "whole": the image. "squares": and its largest squares at the start, the middle and the end
    of the longer side. "dense": and squares of 60 % of the shorter side that overlap by half or
    more and cover the image; 16 windows in all at 4:3. ValueError for another kind.
    """
    if kind not in VIEWS:
        raise ValueError(f"kind: expected one of {', '.join(VIEWS)}, got {kind!r}")
    height, width = size
    windows: list[Window] = [(0, 0, width, height)]
    if kind != "whole":
        windows += _squares(size, min(size), 3)
    if kind == "dense":
        windows += _covering(size, max(1, round(SIDE * min(size))))
    return list(dict.fromkeys(windows))


def _squares(size: Size, side: int, count: int) -> list[Window]:
    """Return `count` squares along the longer side, their other sides that of the image."""
    spare = max(size) - side
    starts = [spare * place // (count - 1) for place in range(count)]
    if size[0] > size[1]:
        return [(0, at, side, at + side) for at in starts]
    return [(at, 0, at + side, side) for at in starts]


def _covering(size: Size, side: int) -> list[Window]:
    """Return evenly spaced squares, the fewest that overlap by at least half, row by row."""
    tops, lefts = (_starts(length, side) for length in size)
    return [(left, top, left + side, top + side) for top in tops for left in lefts]


def _starts(length: int, side: int) -> list[int]:
    spare, step = length - side, max(1, side // 2)
    steps = -(-spare // step)  # rounded up
    return [spare * place // steps for place in range(steps + 1)] if steps else [0]


def warp(image: Image, window: Window, side: int | tuple[int, int]) -> Image:
    """`image` (H, W, 3) uint8 -> its `window` warped to (S, S, 3) uint8, S = `side` px.

    Or to (width, height) px, as OpenCV orders them. An axis that shrinks is averaged over area, one
    that grows is interpolated linearly (ours). Training and proposing both see through this
    function. ValueError for a window that is empty or not within the image.
    """
    x1, y1, x2, y2 = window
    height, width = image.shape[:2]
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise ValueError(f"window: expected within (0, 0, {width}, {height}), got {window}")
    sides = (side, side) if isinstance(side, int) else side
    # Two steps: OpenCV averages over area only where neither axis grows.
    smaller = (min(sides[0], x2 - x1), min(sides[1], y2 - y1))
    shrunk = cv2.resize(image[y1:y2, x1:x2], smaller, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, sides, interpolation=cv2.INTER_LINEAR), np.uint8)


def believed(boxes: FloatArray, window: Window, size: Size) -> BoolArray:
    """`boxes` (N, 4) in fractions of `window` -> which to keep (N,), the image's `size` (H, W).

    gvanhorn38/multibox, detect.py: on each side of the window that is not a side of the image,
    a box stays a tenth of the window away from it; nearer ones are most likely cut off.
    """
    height, width = size
    x1, y1, x2, y2 = window
    open_sides = np.array([x1 > 0, y1 > 0, x2 < width, y2 < height])
    near = np.concatenate([boxes[:, :2] < MARGIN, boxes[:, 2:] > 1 - MARGIN], axis=1)
    return np.asarray(~(near & open_sides).any(axis=1), np.bool_)


def to_fractions(boxes: FloatArray, window: Window) -> FloatArray:
    """`boxes` (N, 4) px of the image -> fractions of `window` (N, 4)."""
    x1, y1, x2, y2 = window
    shifted = boxes.astype(np.float64) - (x1, y1, x1, y1)
    return np.asarray(shifted / ((x2 - x1, y2 - y1) * 2), np.float32)


def to_image(boxes: FloatArray, window: Window) -> FloatArray:
    """`boxes` (N, 4) in fractions of `window` -> boxes (N, 4) px of the image."""
    x1, y1, x2, y2 = window
    sides, origin = np.array([x2 - x1, y2 - y1] * 2, np.float64), np.array([x1, y1] * 2)
    return np.asarray(boxes * sides + origin, np.float32)
