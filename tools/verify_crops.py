"""Draw our crops beside Caffe's, with the largest difference: proof that the warp is R-CNN's.

    python tools/verify_crops.py --out crops.png
    python tools/verify_crops.py --image photo.jpg --box 48 240 195 371 --out crops.png

After R-CNN's `utils/verify_caffe_crops.m`, which compared crops dumped by Caffe in training with
those of its test code. `caffe_crop` below is written from the formula in Caffe's
`window_data_layer.cpp`, one box and one pixel at a time, and shares no line with `detect.crops`.
Exit code 1 if OpenCV's crops differ at all or the batched ones by more than a level.
"""

from pathlib import Path

import click
import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from detect.crops import opencv
from detect.crops.geometry import CONTEXT, CONTEXT_CROP_SIZE, windows
from detect.files import replacing
from detect.images import read_image
from detect.structures import FloatArray, Image, Size

MEAN = (124.0, 117.0, 104.0)  # RGB, ImageNet's, as in R-CNN
TOLERANCE = 1.0  # levels, batched against Caffe's whole ones
_HEADINGS = (
    "box and window",
    "Caffe's formula",
    "ours, OpenCV",
    "ours, batched",
    "batched - Caffe",
)


def caffe_window(
    box: tuple[int, int, int, int], size: Size, crop_size: int, context_pad: float, square: bool
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Return the clipped region x1, y1, x2, y2 and paste place pad_w, pad_h, width, height.

    `box` x1, y1, x2, y2 whole px, both ends inclusive, as in Caffe's window file; `size` (H, W).
    Source: Caffe `window_data_layer.cpp`, in its order and its float32.
    """
    x1, y1, x2, y2 = box
    if not (context_pad > 0 or square):
        return box, (0, 0, crop_size, crop_size)
    real = np.float32
    context_scale = real(crop_size) / real(crop_size - 2 * context_pad)
    half_height = real(y2 - y1 + 1) / real(2)
    half_width = real(x2 - x1 + 1) / real(2)
    center_x = real(x1) + half_width
    center_y = real(y1) + half_height
    if square:
        half_width = half_height = max(half_width, half_height)
    x1, x2 = (_c_round(center_x + sign * half_width * context_scale) for sign in (-1, 1))
    y1, y2 = (_c_round(center_y + sign * half_height * context_scale) for sign in (-1, 1))
    x1, x2, pad_w, width = _caffe_clip(x1, x2, size[1], crop_size)
    y1, y2, pad_h, height = _caffe_clip(y1, y2, size[0], crop_size)
    return (x1, y1, x2, y2), (pad_w, pad_h, width, height)


def _caffe_clip(low: int, high: int, length: int, crop_size: int) -> tuple[int, int, int, int]:
    """One axis of Caffe's clipping: the region's ends inclusive, padding before it, warped side."""
    scale = np.float32(crop_size) / np.float32(high - low + 1)
    pad_before, pad_after = max(0, -low), max(0, high - length + 1)
    low, high = low + pad_before, high - pad_after
    side = _c_round(np.float32(high - low + 1) * scale)
    padding = _c_round(np.float32(pad_before) * scale)
    return low, high, padding, min(side, crop_size - padding)


def _c_round(value: np.float32) -> int:
    """C's round(): half away from zero."""
    whole = int(abs(float(value)))
    nearest = whole + int(abs(float(value)) - whole >= 0.5)
    return nearest if value >= 0 else -nearest


def caffe_crop(
    image: Image, box: tuple[int, int, int, int], crop_size: int, context_pad: float, square: bool
) -> Image:
    """`image` (H, W, 3), `box` inclusive px -> (S, S, 3): `caffe_window`, warped, else MEAN.

    Caffe subtracts the mean and leaves zeros outside; adding the mean back gives this.
    """
    size = (image.shape[0], image.shape[1])
    (x1, y1, x2, y2), (pad_w, pad_h, width, height) = caffe_window(
        box, size, crop_size, context_pad, square
    )
    roi = np.ascontiguousarray(image[y1 : y2 + 1, x1 : x2 + 1])
    warped = cv2.resize(roi, (width, height), interpolation=cv2.INTER_LINEAR)
    crop = np.empty((crop_size, crop_size, 3), np.uint8)
    for row in range(crop_size):
        for column in range(crop_size):
            inside = pad_h <= row < pad_h + height and pad_w <= column < pad_w + width
            crop[row, column] = warped[row - pad_h, column - pad_w] if inside else MEAN
    return crop


def example_image(size: Size = (300, 400)) -> Image:
    """Return a made-up picture (H, W, 3) of edges, fine lines and smooth ramps."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    ramps = (60 + 150 * columns / width, 200 - 120 * rows / height, 120 + 80 * rows / height)
    image = np.stack(ramps, axis=2).astype(np.uint8)
    for number in range(8):
        for other in range(8):
            corner = (40 + 12 * number, 150 + 12 * other)
            shade = (245, 245, 240) if (number + other) % 2 else (30, 30, 40)
            cv2.rectangle(image, corner, (corner[0] + 11, corner[1] + 11), shade, -1)
    for radius in range(62, 0, -4):
        shade = (235, 90, 60) if radius // 4 % 2 else (250, 225, 120)
        cv2.circle(image, (290, 110), radius, shade, -1, cv2.LINE_AA)
    for line in range(12):
        cv2.line(image, (220, 290), (390, 180 + 10 * line), (20, 60, 110), 1, cv2.LINE_AA)
    return image


def example_boxes(size: Size) -> FloatArray:
    """Return boxes (6, 4) for an image of `size` (H, W): inside, corners, whole, thin, small."""
    height, width = size
    parts = [
        (0.55, 0.12, 0.90, 0.60),
        (0.0, 0.0, 0.35, 0.45),
        (0.6, 0.55, 1.0, 1.0),
        (0.0, 0.0, 1.0, 1.0),
        (0.05, 0.62, 0.98, 0.72),
        (0.66, 0.30, 0.69, 0.34),
    ]
    return np.round(np.array(parts) * [width, height, width, height]).astype(np.float32)


def our_crops(
    image: Image, boxes: FloatArray, crop_size: int, context: float, mode: str
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Crops (N, S, S, 3) of both back ends: OpenCV's uint8 and the batched ones' float32."""
    import torch

    from detect.crops import batched

    size = (image.shape[0], image.shape[1])
    shown = windows(boxes, size, crop_size, context, "square" if mode == "square" else "warp")
    pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    on_device = batched.crop(pixels, shown, crop_size, MEAN)
    return opencv.crop(image, shown, crop_size, MEAN), on_device.permute(0, 2, 3, 1).numpy()


def sheet(
    image: Image,
    boxes: FloatArray,
    regions: list[tuple[int, int, int, int]],
    crops: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]],
) -> Figure:
    """Draw a row a box: where it is, `crops` (Caffe's, OpenCV's, batched), difference."""
    caffe, ours, on_device = crops
    figure = Figure(figsize=(11, 2.2 * len(boxes) + 0.6), layout="constrained", facecolor="white")
    axes = figure.subplots(len(boxes), len(_HEADINGS), squeeze=False)
    for row, line in enumerate(axes):
        differences = np.abs(on_device[row] - caffe[row])
        opencv_difference = int(np.abs(ours[row].astype(int) - caffe[row]).max())
        _draw_image(line[0], image, boxes[row], regions[row])
        pictures = (caffe[row], ours[row], np.rint(on_device[row]).astype(np.uint8))
        for axis, picture in zip(line[1:4], pictures, strict=True):
            axis.imshow(picture)
        line[4].imshow(differences.max(axis=2), cmap="magma", vmin=0, vmax=TOLERANCE)
        line[2].set_xlabel(f"largest difference {opencv_difference}", fontsize=8)
        line[3].set_xlabel(f"largest difference {differences.max():.2f}", fontsize=8)
        line[4].set_xlabel("black 0, white 1 of 255 levels", fontsize=8)
        line[0].set_anchor("N")  # level with the crops, whatever the picture's shape
    for axis, heading in zip(axes[0], _HEADINGS, strict=True):
        axis.set_title(heading, fontsize=10, fontweight="bold")
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    return figure


def _draw_image(
    axis: Axes, image: Image, box: NDArray[np.float32], region: tuple[int, int, int, int]
) -> None:
    """Draw `image` small with the box and the part of its window that is in the image."""
    height, width = image.shape[:2]
    axis.imshow(image, extent=(0, width, height, 0))
    x1, y1, x2, y2 = region
    outlines = ((*box, "white", "-"), (x1, y1, x2 + 1, y2 + 1, "yellow", "--"))
    for left, top, right, bottom, colour, style in outlines:
        corner, sides = (left, top), (right - left, bottom - top)
        axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor="black", linewidth=2.5))
        axis.add_patch(
            Rectangle(corner, *sides, fill=False, edgecolor=colour, linewidth=1.2, linestyle=style)
        )
    axis.set_xlabel(f"{box[2] - box[0]:.0f} x {box[3] - box[1]:.0f} px", fontsize=8)


def _whole_boxes(given: tuple[tuple[float, ...], ...], size: Size) -> FloatArray:
    """Return the boxes (N, 4) to show, whole px as Caffe's window file holds them."""
    if not given:
        return example_boxes(size)
    boxes = np.round(np.array(given)).astype(np.float32)
    inside = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= (size[1], size[0])).all(axis=1)
    for box in boxes[~inside | (boxes[:, 2:] <= boxes[:, :2]).any(axis=1)]:
        raise click.BadParameter(
            f"expected a box of at least 1 px inside the image ({size[1]} x {size[0]} px), "
            f"got {box.tolist()}: Caffe takes no other"
        )
    return boxes


@click.command()
@click.option("--image", "path", type=click.Path(path_type=Path), help="Picture; default: made up.")
@click.option("--box", "given", type=float, nargs=4, multiple=True, help="x1 y1 x2 y2, px.")
@click.option("--crop-size", default=CONTEXT_CROP_SIZE, show_default=True, help="Side, px.")
@click.option("--context", default=CONTEXT, show_default=True, help="Context, px at 224.")
@click.option("--mode", type=click.Choice(["warp", "square"]), default="warp", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("crops.png"))
def main(
    path: Path | None,
    given: tuple[tuple[float, ...], ...],
    crop_size: int,
    context: float,
    mode: str,
    out: Path,
) -> None:
    """Write a contact sheet of our crops beside Caffe's formula; fail if they differ."""
    image = read_image(path) if path else example_image()
    size = (image.shape[0], image.shape[1])
    boxes = _whole_boxes(given, size)
    pad, square = context * crop_size / CONTEXT_CROP_SIZE, mode == "square"
    inclusive = [(int(a), int(b), int(c) - 1, int(d) - 1) for a, b, c, d in boxes]
    regions = [caffe_window(box, size, crop_size, pad, square)[0] for box in inclusive]
    caffe = np.stack([caffe_crop(image, box, crop_size, pad, square) for box in inclusive])
    ours, on_device = our_crops(image, boxes, crop_size, context, mode)
    with replacing(out) as temporary:
        sheet(image, boxes, regions, (caffe, ours, on_device)).savefig(
            temporary, dpi=110, format="png"
        )
    by_opencv = int(np.abs(ours.astype(int) - caffe).max())
    by_batch = float(np.abs(on_device - caffe).max())
    click.echo(f"{len(boxes)} boxes, {crop_size} px, {mode}, context {context:g} px at 224")
    click.echo(f"largest difference from Caffe's formula, OpenCV:  {by_opencv} of 255 levels")
    click.echo(f"largest difference from Caffe's formula, batched: {by_batch:.3f} of 255 levels")
    click.echo(f"written: {out}")
    if by_opencv > 0 or by_batch > TOLERANCE:
        raise click.ClickException(f"expected 0 and at most {TOLERANCE:g} levels: see {out}")


if __name__ == "__main__":
    main()
