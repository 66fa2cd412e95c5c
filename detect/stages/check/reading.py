"""What is to be checked: every split, every image once, every file decoded once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detect.checks.findings import Finding, Seen
from detect.errors import DataError, DetectError, DiskFailure
from detect.progress import Reporter

if TYPE_CHECKING:
    from detect.checks.files import FileFacts
    from detect.structures import Annotations, Dataset, Sample

_FILES_AT_ONCE = 256


def open_splits(root: Path, split: str | None) -> tuple[dict[str, "Dataset"], list[Finding]]:
    """Return the splits of `root` by name, or the one asked for, and what keeps any from opening.

    VOC's lists of one class each are left out. Raises the first error where no split can be read.
    """
    from detect.data.as_written import splits_of

    names: tuple[str | None, ...] = (split,) if split else splits_of(root) or (None,)
    opened: dict[str, Dataset] = {}
    findings: list[Finding] = []
    problems: dict[str, list[str]] = {}  # with the splits that have them
    first: DetectError | None = None
    for name in names:
        if name is not None and _is_of_a_class(name, opened.values(), names):
            continue
        try:
            dataset, found = _open(root, name)
        except (DataError, DiskFailure) as error:
            first = first or error
            findings.append(Finding("split", f"{name}: {error.marked}"))
            continue
        opened[dataset.split] = dataset
        for problem in found:
            problems.setdefault(problem, []).append(dataset.split)
    if first is not None and not opened:
        raise first
    for problem, where in problems.items():
        named = ", ".join(filter(None, where))
        findings.append(Finding("annotation", f"{named}: {problem}" if named else problem))
    return opened, findings


def _open(root: Path, name: str | None) -> tuple["Dataset", list[str]]:
    """Open one split as far as it goes; with nothing wrong in it, as strictly as others do."""
    from detect.data.as_written import open_as_written

    dataset = open_as_written(root, name)
    problems = list(dataset.skipped_marked)
    if not problems:
        try:
            open_as_written(root, name, skip_bad=False)
        except DataError as error:
            problems = [error.marked]
    return dataset, problems


def _is_of_a_class(name: str, opened: "Iterable[Dataset]", names: Sequence[str | None]) -> bool:
    """Tell whether `name` is one as "dog_train", of a class and a split."""
    classes = {one for dataset in opened for one in dataset.classes}
    head, _, split = name.rpartition("_")
    return head in classes and split in names


def every_image(splits: Mapping[str, "Dataset"]) -> list[Seen]:
    """Return every image once, with the splits that list it, those of small splits first.

    One that two splits label differently is there twice.
    """
    found: dict[tuple[str, Path], list[tuple[Sample, list[str], Dataset]]] = {}
    for name, dataset in sorted(splits.items(), key=lambda pair: len(pair[1])):
        for sample in dataset.samples:
            known = found.setdefault((sample.image_id, sample.path), [])
            same = [one for one in known if _same(one[0].annotations, sample.annotations)]
            if same:
                same[0][1].append(name)
            else:
                known.append((sample, [name], dataset))
    return [
        Seen(sample, tuple(names), dataset.classes)
        for versions in found.values()
        for sample, names, dataset in versions
    ]


def _same(one: "Annotations", other: "Annotations") -> bool:
    return np.array_equal(one.boxes, other.boxes) and np.array_equal(one.labels, other.labels)


def look_at_all(images: Sequence[Seen], reporter: Reporter) -> dict[Path, "FileFacts"]:
    """Decode every file once, in a thread a core: Pillow's decoders leave the others running."""
    paths = list(dict.fromkeys(seen.sample.path for seen in images))
    tracked = reporter.track(_looked(paths), len(paths), "checking images")
    return dict(zip(paths, tracked, strict=True))


def _looked(paths: Sequence[Path]) -> Iterator["FileFacts"]:
    from joblib import cpu_count

    from detect.checks.files import look

    with ThreadPoolExecutor(cpu_count()) as pool:
        for start in range(0, len(paths), _FILES_AT_ONCE):
            yield from pool.map(look, paths[start : start + _FILES_AT_ONCE])
