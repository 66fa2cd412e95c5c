"""Which pixels of the image a crop shows, and where in the crop: R-CNN's warp, defined once.

Source: Caffe's `window_data_layer.cpp` (training) and R-CNN's `rcnn_im_crop.m` (testing), which
share one formula; R-CNN, arXiv 1311.2524v5, appendix A, for its meaning. Caffe counts pixels as
inclusive integers; our boxes are half-open (docs/conventions.md). The box's centre and
half sides are the same numbers in both, so the inclusive convention enters at one place only:
the enlarged window, whose rounded ends Caffe takes as its first and last pixel.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from detect.structures import FloatArray, IntArray, Size

CropMode = Literal["warp", "square"]
CONTEXT = 16.0  # px of context on each side of a box in its crop: R-CNN, appendix A
CONTEXT_CROP_SIZE = 224  # the crop size at which `context` is counted

# Far beyond any image, and within it every sum of coordinates is an exact 64-bit integer.
_LIMIT = np.float32(2**31)


@dataclass(frozen=True, eq=False)
class Windows:
    """What N crops show.

    `sources` (N, 4) x1, y1, x2, y2, half-open px, always inside the image; `targets` (N, 4)
    x, y, width, height px, always inside the crop: where the source is warped to, the mean
    colour being everywhere else. A crop that shows nothing of the image has zeros in both.
    """

    sources: IntArray
    targets: IntArray

    def __post_init__(self) -> None:
        """Make the arrays read-only."""
        self.sources.setflags(write=False)
        self.targets.setflags(write=False)

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, index: slice | IntArray | NDArray[np.bool_]) -> "Windows":
        """Return the chosen windows, in the order of `index`."""
        return Windows(self.sources[index], self.targets[index])


def windows(
    boxes: FloatArray,
    size: Size,
    crop_size: int,
    context: float = CONTEXT,
    mode: CropMode = "warp",
) -> Windows:
    """`boxes` (N, 4), image `size` (H, W) px -> Windows of N crops `crop_size` px square.

    `context` is px around the box in a crop of 224 px and scales with `crop_size`, so that the
    window shows the same pixels at every crop size (7/6 of the box for 16 px). `warp` stretches
    the box to a square, `square` first widens it to one. Source: Caffe `window_data_layer.cpp`.

    A box may leave the image: what lies outside is mean colour, all of it for a box (with its
    context) wholly outside. A box under a pixel, one without area too, shows one or two pixels
    each way. Where less than half a pixel of the crop would show image, none does (Caffe stops
    there). Raises ValueError for boxes of another shape, not finite or turned inside out, an
    empty image, a crop of no pixel, and a context that leaves no room for the box.
    """
    return windows_in(boxes, np.array([size]), crop_size, context, mode)


def windows_in(
    boxes: FloatArray,
    sizes: IntArray,
    crop_size: int,
    context: float = CONTEXT,
    mode: CropMode = "warp",
) -> Windows:
    """Return the windows of `boxes` (N, 4), each in an image of its own: `sizes` (N, 2) H, W px.

    Or (1, 2), where all are in one. Raises ValueError as `windows`.
    """
    _check_options(sizes, crop_size, context, mode)
    boxes = _checked(boxes)
    if context == 0 and mode == "warp":
        first, last = _tight(boxes)
    else:
        first, last = _enlarged(boxes, context, mode)
    columns = _axis(first[:, 0], last[:, 0], sizes[:, 1], crop_size)
    rows = _axis(first[:, 1], last[:, 1], sizes[:, 0], crop_size)
    return _joined(columns, rows)


def fill_colour(mean: ArrayLike) -> NDArray[np.uint8]:
    """`mean` (3,) 0..255 -> uint8 (3,), what every back end puts outside the image.

    Whole levels, so that a network meets at run time the colour it was trained with. Raises
    ValueError for another shape or range.
    """
    values = np.asarray(mean, np.float64)
    if values.shape != (3,) or not ((values >= 0) & (values <= 255)).all():
        raise ValueError(f"fill_colour: expected three levels of 0..255, got {values.tolist()}")
    return np.rint(values).astype(np.uint8)


def _check_options(sizes: IntArray, crop_size: int, context: float, mode: CropMode) -> None:
    """Raise ValueError for options of `windows` that make no crop."""
    empty = sizes[(sizes < 1).any(axis=1)]
    if len(empty):
        got = tuple(empty[0].tolist())
        raise ValueError(f"windows: expected an image of at least 1x1 px, got size {got}")
    if crop_size < 1:
        raise ValueError(f"windows: expected a crop of at least 1 px, got {crop_size}")
    if not 0 <= context < CONTEXT_CROP_SIZE / 2:
        raise ValueError(
            f"windows: expected 0 <= context < {CONTEXT_CROP_SIZE // 2} px at a crop of "
            f"{CONTEXT_CROP_SIZE}, got {context}"
        )
    if mode not in ("warp", "square"):
        raise ValueError(f"windows: expected mode 'warp' or 'square', got {mode!r}")


def _checked(boxes: FloatArray) -> FloatArray:
    """Return `boxes` (N, 4) as float32; raise ValueError with the first bad row."""
    boxes = np.asarray(boxes, np.float32)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"windows: expected boxes of shape (N, 4), got {boxes.shape}")
    good = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= boxes[:, :2]).all(axis=1)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"windows: expected finite boxes with x1 <= x2 and y1 <= y2, "
            f"got {boxes[row].tolist()} in row {row}"
        )
    return np.clip(boxes, -_LIMIT, _LIMIT)


def _tight(boxes: FloatArray) -> tuple[IntArray, IntArray]:
    """`boxes` (N, 4) -> their own first and last pixel (N, 2) xy, inclusive.

    Without context Caffe warps these, and nothing is enlarged by its inclusive rounding.
    """
    first = _round(boxes[:, :2])
    return first, np.maximum(_round(boxes[:, 2:]) - 1, first)


def _enlarged(boxes: FloatArray, context: float, mode: CropMode) -> tuple[IntArray, IntArray]:
    """`boxes` (N, 4) -> first and last pixel (N, 2) xy, inclusive, of the box with its context.

    In float32 as in Caffe, so that ties (at 7/6, a side of 12 n + 6 px) round as they do there.
    """
    # crop / (crop - 2 context), the same at every crop size: that is what "scaled" means.
    scale = np.float32(CONTEXT_CROP_SIZE) / np.float32(CONTEXT_CROP_SIZE - 2 * context)
    half = (boxes[:, 2:] - boxes[:, :2]) / np.float32(2)
    centre = boxes[:, :2] + half
    if mode == "square":
        half = np.broadcast_to(half.max(axis=1, keepdims=True), half.shape)
    return _round(centre - half * scale), _round(centre + half * scale)


def _axis(first: IntArray, last: IntArray, length: IntArray, crop_size: int) -> IntArray:
    """`first`, `last` (N,) inclusive px, image sides `length` (N,) or (1,) -> (N, 4), one axis.

    The columns: source from, to (half-open); target offset, length.
    """
    scale = np.float32(crop_size) / (last - first + 1).astype(np.float32)
    before = np.maximum(0, -first)
    start, end = first + before, np.minimum(last, length - 1) + 1  # from here on half-open
    offset = np.minimum(_round(before.astype(np.float32) * scale), crop_size)
    visible = np.maximum(end - start, 0).astype(np.float32)
    target_length = np.minimum(_round(visible * scale), crop_size - offset)
    return np.stack([start, end, offset, target_length], axis=1)


def _joined(columns: IntArray, rows: IntArray) -> Windows:
    """Columns and rows (N, 4) as `_axis` returns them -> Windows; zeros where one shows nothing."""
    sources = np.stack([columns[:, 0], rows[:, 0], columns[:, 1], rows[:, 1]], axis=1)
    targets = np.stack([columns[:, 2], rows[:, 2], columns[:, 3], rows[:, 3]], axis=1)
    empty = (targets[:, 2:] < 1).any(axis=1)
    sources[empty], targets[empty] = 0, 0
    return Windows(sources, targets)


def _round(values: NDArray[np.floating]) -> IntArray:
    """Round half away from zero as C's `round` and MATLAB's do (numpy rounds half to even)."""
    exact = values.astype(np.float64)  # in float32 the largest number below 0.5 would round up
    return np.asarray(np.copysign(np.floor(np.abs(exact) + 0.5), exact), np.int64)
