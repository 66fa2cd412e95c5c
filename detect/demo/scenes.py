"""Scenes composed by cut-and-paste, written as a VOC data set.

Dwibedi, Misra and Hebert, "Cut, Paste and Learn", ICCV 2017 (arXiv 1708.01642): objects pasted
at random places, sizes and angles, with blended edges, so that a detector learns the objects and
not the seams. Shadows, light and noise are ours.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from detect.demo.backgrounds import held_out_backgrounds, train_backgrounds
from detect.demo.cutouts import CLASSES, Cutout, load_cutouts
from detect.files import write_bytes, write_text
from detect.structures import Annotations, Image, Size

SIZE: Size = (240, 320)
_SIDES = (34, 165)  # px, longer side of an object: from a seventh to two thirds of the height
_OBJECTS = (2, 6)
_OVERLAP = 0.08  # of the smaller box: objects may touch, none hides another
_ANGLE = 20.0  # degrees; coins lie at any
# RGB gains that turn the grey photograph of the coins into gold, silver and copper.
_METALS = ((1.12, 0.93, 0.55), (1.0, 1.0, 1.0), (1.08, 0.78, 0.62))

Pasted = tuple[NDArray[np.float32], NDArray[np.float32]]


def write_scenes(root: Path, train: int = 120, test: int = 40, seed: int = 0) -> Path:
    """Write a VOC data set of composed scenes, 320 x 240 px, to `root` and return it.

    Train and test scenes share no background photograph and no coin. Raises
    EnvironmentProblem without scikit-image.
    """
    cutouts = load_cutouts()
    splits = {"train": (train, train_backgrounds()), "test": (test, held_out_backgrounds())}
    for place, (split, (count, background)) in enumerate(splits.items()):
        rng = np.random.default_rng([seed, place])
        objects = {**cutouts, "coin": cutouts["coin"][place::2]}
        ids = [f"{split}_{number:03d}" for number in range(count)]
        for number, image_id in enumerate(ids):
            image, annotations = compose(rng, objects, background(rng, number, SIZE))
            _write_scene(root, image_id, image, annotations)
        write_text(root / f"ImageSets/Main/{split}.txt", "".join(f"{i}\n" for i in ids))
    write_text(root / "classes.txt", "".join(f"{name}\n" for name in CLASSES))
    return root


def compose(
    rng: np.random.Generator,
    cutouts: Mapping[str, Sequence[Cutout]],
    background: NDArray[np.float32],
) -> tuple[Image, Annotations]:
    """Paste up to five objects on `background` (240, 320, 3) -> image, its annotations."""
    scene = background.copy()
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    for _ in range(int(rng.integers(*_OBJECTS))):
        label = int(rng.integers(len(CLASSES)))
        kinds = cutouts[CLASSES[label]]
        pasted = _varied(rng, kinds[int(rng.integers(len(kinds)))], CLASSES[label] == "coin")
        box = _free_place(rng, pasted, boxes)
        if box is not None:
            _paste(scene, pasted, box)
            boxes.append(box)
            labels.append(label)
    scene += rng.normal(0, rng.uniform(1, 5), scene.shape).astype(np.float32)
    image = np.clip(scene, 0, 255).astype(np.uint8)
    return image, Annotations(np.array(boxes, np.float32), np.array(labels, np.int64))


def _varied(rng: np.random.Generator, cutout: Cutout, coin: bool) -> Pasted:
    """Return `cutout` at a random size, angle, side and light -> image (h, w, 3), alpha (h, w)."""
    low, high = np.log(_SIDES)
    side = float(np.exp(rng.uniform(low, high)))
    if coin:  # the photographs of the coins are 40 px wide
        side = min(side, 90.0)
    angle = rng.uniform(-180, 180) if coin else rng.uniform(-_ANGLE, _ANGLE)
    image, alpha = _turned(cutout, side / max(cutout.alpha.shape), angle)
    if rng.random() < 0.5:
        image, alpha = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(alpha[:, ::-1])
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.95, 1.05, 3)
    if coin:
        gain *= _METALS[int(rng.integers(len(_METALS)))]
    if rng.random() < 0.3:
        image = _floats(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 0.9)))
    return _trimmed(_floats(np.clip(image * gain, 0, 255)), alpha)


def _turned(cutout: Cutout, scale: float, angle: float) -> Pasted:
    """Scale by `scale` (averaging where it shrinks) and turn by `angle` degrees."""
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(cutout.image, None, fx=scale, fy=scale, interpolation=interpolation)
    alpha = cv2.resize(cutout.alpha, (small.shape[1], small.shape[0]), interpolation=interpolation)
    height, width = alpha.shape
    rotation = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    reach = np.abs(rotation[:, :2]) @ (width, height)
    rotation[:, 2] += reach / 2 - (width / 2, height / 2)
    size = (int(np.ceil(reach[0])), int(np.ceil(reach[1])))
    turned = cv2.warpAffine(small, rotation, size, borderMode=cv2.BORDER_REPLICATE)
    return _floats(turned), _floats(cv2.warpAffine(alpha, rotation, size)) / np.float32(255)


def _floats(array: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(array, np.float32)


def _trimmed(image: NDArray[np.float32], alpha: NDArray[np.float32]) -> Pasted:
    """Cut to where the object is more than half opaque: that is its box."""
    x, y, width, height = cv2.boundingRect((alpha > 0.5).astype(np.uint8))
    return image[y : y + height, x : x + width], alpha[y : y + height, x : x + width]


def _free_place(
    rng: np.random.Generator, pasted: Pasted, boxes: Sequence[tuple[int, int, int, int]]
) -> tuple[int, int, int, int] | None:
    """Return a box in the scene that overlaps no other by much; None after 50 tries."""
    height, width = pasted[1].shape
    if height > SIZE[0] or width > SIZE[1]:
        return None
    for _ in range(50):
        x = int(rng.integers(SIZE[1] - width + 1))
        y = int(rng.integers(SIZE[0] - height + 1))
        box = (x, y, x + width, y + height)
        if all(_overlap(box, other) <= _OVERLAP for other in boxes):
            return box
    return None


def _overlap(box: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the share of the smaller of two boxes that lies in the other."""
    across = max(0, min(box[2], other[2]) - max(box[0], other[0]))
    down = max(0, min(box[3], other[3]) - max(box[1], other[1]))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
    return across * down / min(areas)


def _paste(scene: NDArray[np.float32], pasted: Pasted, box: tuple[int, int, int, int]) -> None:
    """Lay the object over `scene` (in place), with a soft shadow below and to the right."""
    image, alpha = pasted
    x1, y1, x2, y2 = box
    scene_alpha = np.zeros(SIZE, np.float32)
    scene_alpha[y1:y2, x1:x2] = alpha
    reach = 0.05 * max(alpha.shape)
    shift = np.array([[1, 0, reach], [0, 1, reach]], np.float32)
    shadow = cv2.GaussianBlur(cv2.warpAffine(scene_alpha, shift, SIZE[::-1]), (0, 0), max(reach, 1))
    scene *= 1 - 0.45 * shadow[..., None]
    patch = scene[y1:y2, x1:x2]
    patch += alpha[..., None] * (image - patch)


def _write_scene(root: Path, image_id: str, image: Image, annotations: Annotations) -> None:
    path = root / f"JPEGImages/{image_id}.jpg"
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 93])[1]
    # Every call of the demo makes the scenes again: they need not outlive a power cut.
    write_bytes(path, encoded.tobytes(), lasting=False)
    objects = "".join(
        f"  <object><name>{CLASSES[label]}</name><difficult>0</difficult><bndbox>"
        f"<xmin>{x1 + 1:g}</xmin><ymin>{y1 + 1:g}</ymin><xmax>{x2:g}</xmax><ymax>{y2:g}</ymax>"
        "</bndbox></object>\n"
        for (x1, y1, x2, y2), label in zip(annotations.boxes, annotations.labels, strict=True)
    )
    height, width = image.shape[:2]
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    text = f"<annotation><filename>{path.name}</filename>{size}\n{objects}</annotation>\n"
    write_bytes(root / f"Annotations/{image_id}.xml", text.encode(), lasting=False)
