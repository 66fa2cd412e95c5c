"""Write the objects of a detection set as a folder of classes, to pre-train on or to classify.

    python tools/object_crops.py DATA --split train --out OBJECTS
    python tools/object_crops.py DATA --split val --out OBJECTS

Each object becomes OUT/SPLIT/CLASS/IMAGE-N.png: its box, whole pixels outward, cut at the image's
border, with --context of its sides around it. Difficult and crowd objects, and boxes with a side
below --smallest px, are left out.
"""

from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from detect.data import open_dataset, read_pixels
from detect.errors import DataError, DetectError, option
from detect.structures import Annotations, Dataset, FloatArray, Image
from detect.visualize.files import file_name, write_picture

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("data", type=PATH)
@click.option("--split", required=True, help="Split whose objects are written.")
@click.option("--out", type=PATH, required=True)
@click.option("--context", type=click.FloatRange(0, 2), default=0.0, show_default=True)
@click.option("--smallest", type=click.IntRange(1), default=16, show_default=True, help="px.")
def main(data: Path, split: str, out: Path, context: float, smallest: int) -> None:
    """Write a picture an object."""
    counts: dict[str, int] = {}
    try:
        dataset = open_dataset(data, split)
        folder = out / dataset.split
        if folder.exists():
            raise DataError(
                f"{folder} exists already. Remove it, or choose another {option('out')}."
            )
        for name, number, picture in objects(dataset, context, smallest):
            write_picture(folder / name / f"{number}.png", picture)
            counts[name] = counts.get(name, 0) + 1
    except DetectError as error:
        raise SystemExit(f"Error: {error.for_command_line}") from None
    if not counts:
        raise SystemExit(f"Error: {data}: split {split} has no object of {smallest} px or more.")
    listed = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    click.echo(f"{folder}: {sum(counts.values())} objects: {listed}")


def objects(dataset: Dataset, context: float, smallest: int) -> Iterator[tuple[str, str, Image]]:
    """Yield class, "IMAGE-N" and picture (H, W, 3) of each object that is kept."""
    for sample in dataset.samples:
        image = read_pixels(sample)
        boxes, labels = kept(sample.annotations, smallest)
        windows = outward(boxes, context, (image.shape[0], image.shape[1]))
        for number, ((x1, y1, x2, y2), label) in enumerate(zip(windows, labels, strict=True)):
            name = folder_name(dataset.classes[label])
            yield name, f"{file_name(sample.image_id)}-{number}", image[y1:y2, x1:x2]


def kept(annotations: Annotations, smallest: int) -> tuple[FloatArray, list[int]]:
    """Return the boxes (M, 4) and labels of the objects that are large enough and certain."""
    sides = annotations.boxes[:, 2:] - annotations.boxes[:, :2]
    certain = ~(annotations.difficult | annotations.crowd)
    chosen = certain & (sides >= smallest).all(axis=1)
    return annotations.boxes[chosen], annotations.labels[chosen].tolist()


def outward(boxes: FloatArray, context: float, size: tuple[int, int]) -> list[list[int]]:
    """`boxes` (M, 4) -> whole px x1, y1, x2, y2 around them inside `size` (H, W), not empty."""
    margin = np.tile((boxes[:, 2:] - boxes[:, :2]) * context, 2) * (-1, -1, 1, 1)
    larger = boxes + margin
    limits = np.array(size[::-1])
    first = np.clip(np.floor(larger[:, :2]), 0, limits - 1)
    last = np.clip(np.ceil(larger[:, 2:]), first + 1, limits)
    return np.concatenate([first, last], axis=1).astype(int).tolist()  # type: ignore[no-any-return]


def folder_name(name: str) -> str:
    """Return the class `name`; DataError if no folder can be called so."""
    if name.startswith(".") or any(letter in name for letter in '/\\:*?"<>|\0'):
        raise DataError(f"class {name!r}: no name for a folder. Rename it in the data set.")
    return name


if __name__ == "__main__":
    main()
