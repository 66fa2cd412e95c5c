"""Detecting for another stage, in a folder that is gone when that stage is done."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from detect.progress import Reporter
from detect.stages.run import run


@contextmanager
def detected_aside(
    data: Path, split: str | None, model: Sequence[Path], reporter: Reporter, **more: Any
) -> Iterator[Path]:
    """Yield a folder with what `run` finds in a split, told `more` of its options; no pictures.

    Raises as `run` does.
    """
    with TemporaryDirectory() as folder:
        out = Path(folder, "found")
        told = {"split": split, "model": model, "out": out, "pictures": False, **more}
        run(data, reporter=reporter, **told)
        yield out
