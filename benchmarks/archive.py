"""An archive in one process and on Ray with two actors, of which one is killed: the same rows.

    PYTHONPATH=tests python benchmarks/archive.py [IMAGES] [BOXES]

Generated images of stored random boxes and the tests' untrained network of 32 px: 8,000 images of
64x48 px with 10 boxes each, unless told otherwise. Prints images a second of both, and checks that
boxes and labels are the same, and scores within 1e-4.
"""

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from archives import check_same_detections, kill_an_actor, write_archive

from detect.progress import Silence
from detect.stages import archive


class Killing(Silence):
    """Kills an actor when the first image has its row: later, all may have been classified."""

    first = 0.0

    def track(self, items: Iterable[Any], total: int, what: str, /) -> Iterator[Any]:
        """Yield from `items`; remember when the first one came."""
        for done, item in enumerate(items, 1):
            if done == 1:
                self.first = time.monotonic()
                kill_an_actor()
                print(f"an actor killed after the first of {total} images")
            yield item


def main(count: int = 8000, boxes: int = 10) -> None:
    """Time both, one after the other, and compare what they wrote."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_archive(Path(folder), count, boxes)
        given: dict[str, Any] = {
            "model": root / "m.safetensors", "proposals": root / "proposals", "device": "cpu",
        }  # fmt: skip
        manifest = root / "manifest.parquet"
        begun = time.monotonic()
        result = archive(manifest, reporter=Silence(), out=root / "local", **given)
        alone = time.monotonic() - begun
        print(f"local: {count / alone:.1f} images a second, {alone:.1f} s, {result.parts} parts")
        ray: dict[str, Any] = {"on": "ray", "workers": 3, "actors": 2}
        begun, reporter = time.monotonic(), Killing()
        result = archive(manifest, reporter=reporter, out=root / "ray", **ray, **given)
        spent, warm = time.monotonic() - begun, time.monotonic() - reporter.first
        print(
            f"ray, two actors: {count / spent:.1f} images a second, {spent:.1f} s, of which "
            f"{spent - warm:.1f} s until the first part; {result.parts} parts"
        )
        check_same_detections(root / "local", root / "ray")
        size = sum(path.stat().st_size for path in (root / "local").glob("part-*"))
        print(f"the same boxes and labels, scores within 1e-4; {size / count:.0f} bytes a row")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
