"""Random regions on disk, for commands that only need some."""

from pathlib import Path

import numpy as np

from detect.storage.proposals import write_part
from detect.structures import Dataset, Proposals, Sample


def propose_randomly(dataset: Dataset, path: Path, count: int = 40) -> None:
    """Store `count` random regions an image, each within its image, as the file `path`."""
    generator = np.random.default_rng(3)

    def one(sample: Sample) -> Proposals:
        height, width = sample.size
        corner = generator.uniform(0, [width - 8, height - 8], (count, 2))
        far = np.minimum(corner + generator.uniform(4, 60, (count, 2)), [width, height])
        boxes, scores = np.concatenate([corner, far], axis=1), np.linspace(1, 0, count)
        return Proposals(sample.image_id, sample.size, boxes, scores, np.full(count, "random"))

    write_part(path, map(one, dataset.samples), {"method": "random", "images": len(dataset)})
