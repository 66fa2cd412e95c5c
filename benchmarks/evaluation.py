"""Time of the protocols written here, and how many times faster they are than pycocotools.

    python benchmarks/evaluation.py [--images 10000] [--classes 200] [--detections 1000000]

First voc2007, voc2012 and ilsvrc together on the whole, the JSON read from disk as well; then
each against pycocotools on a twentieth of the images, in the same run. Numpy's threads: set
OMP_NUM_THREADS.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from detect.evaluation.average_precision import evaluate
from detect.evaluation.flat import FlatDetections
from detect.evaluation.protocols import PROTOCOLS
from detect.storage.detections import read_columns, write_detections
from detect.structures import Annotations, Dataset, Detections, Sample


def main() -> None:
    """Build the data, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=200)
    parser.add_argument("--detections", type=int, default=1_000_000)
    given = parser.parse_args()
    per_image = given.detections // given.images
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detections.json"
        dataset = _write(path, given.images, given.classes, per_image)
        size = path.stat().st_size / 1e6
        print(f"{given.images} images, {given.classes} classes, {given.detections} detections")
        start = time.perf_counter()
        detections = FlatDetections(*read_columns(path, dataset))
        read = time.perf_counter() - start
        print(f"read {size:.0f} MB of JSON: {read:.1f} s")
        times = [_time(dataset, detections, name) for name in PROTOCOLS[:3]]
        print(f"all three, with reading: {read + sum(times):.1f} s")
        dataset = _write(path, max(1, given.images // 20), given.classes, per_image)
        detections = FlatDetections(*read_columns(path, dataset))
    print(f"\n{len(dataset)} images, {len(detections)} detections, beside pycocotools")
    seconds = {name: _time(dataset, detections, name) for name in PROTOCOLS}
    for name in PROTOCOLS[:3]:
        print(f"{name}: {seconds['coco'] / seconds[name]:.0f} times as fast")


def _time(dataset: Dataset, detections: FlatDetections, protocol: str) -> float:
    start = time.perf_counter()
    mean = evaluate(dataset, detections, protocol)[protocol]["map"]
    seconds = time.perf_counter() - start
    print(f"{protocol}: {seconds:.2f} s (mAP {mean:.3f})")
    return seconds


def _write(path: Path, images: int, classes: int, per_image: int) -> Dataset:
    """Write detections, two thirds of them near an object, and return their data set."""
    rng = np.random.default_rng(0)
    samples = tuple(
        Sample(str(number), Path(f"{number}.jpg"), (375, 500), _objects(rng, classes))
        for number in range(images)
    )
    names = tuple(f"class {label}" for label in range(classes))
    dataset = Dataset(path.parent, "coco", "val", names, tuple(range(classes)), samples, True)
    write_detections(path, (_detections(rng, one, classes, per_image) for one in samples), dataset)
    return dataset


def _objects(rng: np.random.Generator, classes: int) -> Annotations:
    """Return 1 to 9 objects of at most three classes."""
    count = int(rng.integers(1, 10))
    corners = rng.uniform(0, 300, (count, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 200, (count, 2))], axis=1)
    labels = rng.choice(rng.integers(classes, size=3), count)
    return Annotations(boxes.astype(np.float32), labels, difficult=rng.uniform(size=count) < 0.1)


def _detections(rng: np.random.Generator, sample: Sample, classes: int, count: int) -> Detections:
    """Return `count` detections: shaken objects, one third with a random label."""
    chosen = rng.integers(len(sample.annotations), size=count)
    boxes = sample.annotations.boxes[chosen].astype(np.float64) + rng.normal(0, 8, (count, 4))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    strays = rng.uniform(size=count) < 1 / 3
    labels = np.where(strays, rng.integers(classes, size=count), sample.annotations.labels[chosen])
    return Detections(sample.image_id, boxes.astype(np.float32), labels, rng.uniform(size=count))


if __name__ == "__main__":
    main()
