"""Small archives: a folder with images, their stored proposals, a model and a manifest."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from builders import save_image, scene
from networks import network

from detect.models.checkpoints import save_model
from detect.models.region_classifier import RegionClassifier
from detect.storage.proposals import write_proposals
from detect.structures import Proposals, Size

SIDES: Size = (48, 64)


def write_manifest(path: Path, paths: Mapping[str, str | Path]) -> Path:
    """Write the manifest `path` of the files of all ids; return it."""
    columns = {"image_id": list(paths), "path": [str(one) for one in paths.values()]}
    pq.write_table(pa.table(columns), path)
    return path


def write_archive(root: Path, count: int, boxes: int = 10) -> Path:
    """Write images/NNNNN.png, proposals/, m.safetensors and manifest.parquet; return `root`."""
    rng = np.random.default_rng(5)
    names = [f"{number:05d}" for number in range(count)]
    for name in names:
        save_image(root / f"images/{name}.png", scene(rng, SIDES)[0])

    def proposals() -> Iterator[Proposals]:
        for name in names:
            corner = rng.uniform(0, [SIDES[1] - 12, SIDES[0] - 12], (boxes, 2))
            far = np.minimum(corner + rng.uniform(10, 40, (boxes, 2)), [SIDES[1], SIDES[0]])
            both = np.concatenate([corner, far], 1)
            yield Proposals(name, SIDES, both, np.ones(boxes), np.full(boxes, "random"))

    recipe = {"method": "random", "images": count, "data": "all"}
    write_proposals(root / "proposals", proposals(), recipe)
    save_model(root / "m.safetensors", *network())
    write_manifest(root / "manifest.parquet", {name: f"images/{name}.png" for name in names})
    return root


def rows_of(out: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of an archive's output by id, read by pyarrow alone; each id once."""
    rows = pa.concat_tables(map(pq.read_table, sorted(out.glob("part-*.parquet")))).to_pylist()
    found = {row["image_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def check_same_detections(one: Path, other: Path, most: float = 1e-4) -> None:
    """Assert that two outputs have the same images, boxes and labels, and scores within `most`."""
    left, right = rows_of(one), rows_of(other)
    assert left.keys() == right.keys()
    for image_id, row in left.items():
        also = right[image_id]
        for name in ("status", "labels", "height", "width", "model", "recipe", "error"):
            assert row[name] == also[name], (image_id, name)
        np.testing.assert_array_equal(row["boxes"], also["boxes"])
        np.testing.assert_allclose(row["scores"], also["scores"], rtol=0, atol=most)


class Deadly(RegionClassifier):
    """A network that ends its process, as the system does for want of memory, on white crops.

    With `raises` memory runs out there as torch says it.
    """

    raises = False

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Classify, unless a crop is white."""
        if bool((crops.float().flatten(1).mean(1) > 250).any()):
            if self.raises:
                raise torch.OutOfMemoryError("CUDA out of memory: a test")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(crops)


def kill_an_actor() -> None:
    """End the process of one of the actors that Ray, started by this process, has."""
    import psutil

    children = psutil.Process().children(recursive=True)
    told = psutil.process_iter(["cmdline"])  # Of a process that ended meanwhile: none.
    named = {process.pid: process.info["cmdline"] or [""] for process in told}
    actors = [
        child
        for child in children
        if named.get(child.pid, [""])[0].startswith("ray::MapWorker(MapBatches(Scorer")
    ]
    assert actors
    actors[0].kill()
