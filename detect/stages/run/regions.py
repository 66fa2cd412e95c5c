"""The regions that `run` classifies: stored ones, or ones made on the way."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from detect.proposals.settings import PRESETS, Search
from detect.runs import RunFolder
from detect.stages.run.options import RunOptions
from detect.stages.sources import MultiBoxChoice, make_source, recorded_search
from detect.structures import Dataset, Image, Proposals, Sample
from detect.together import UNFINISHED

Regions = Callable[[Image, Sample], Proposals]


def regions_of(told: RunOptions, dataset: Dataset) -> tuple[Regions, dict[str, Any], int | None]:
    """Return what gives an image's proposals, their recipe, and how many there are in all.

    None where they are made on the way.

    Raises DataError where images of `dataset` have none stored, and as `make_source` does.
    """
    return _made(told) if told.proposals is None else _stored(told.proposals, dataset)


def _stored(path: Path, dataset: Dataset) -> tuple[Regions, dict[str, Any], int]:
    from detect.storage.proposals import ProposalFile

    stored = ProposalFile(path)
    for sample in dataset.samples:
        if sample.image_id not in stored:
            stored.read(sample.image_id)

    def read(image: Image, sample: Sample) -> Proposals:
        return stored.read(sample.image_id, (image.shape[0], image.shape[1]))

    return read, dict(stored.recipe), stored.boxes * len(dataset) // max(1, len(stored))


def _made(told: RunOptions) -> tuple[Regions, dict[str, Any], None]:
    """Return what makes proposals as `propose` does, with the recipe that it notes.

    OpenCV's version is in it: another one may find other boxes, and a run has those of one.
    """
    choice = MultiBoxChoice(told.multibox, told.device, told.precision)
    settings = replace(PRESETS[told.preset], search=_search(told))
    source = make_source(told.method, settings, told.seed, choice)

    def make(image: Image, sample: Sample) -> Proposals:
        return source.propose(image, sample.image_id)

    return make, source.recipe, None


def _search(told: RunOptions) -> Search:
    """Return the search told, or that of the run to go on with: OpenCV's was once the only one."""
    if not told.resume or told.gave("search"):
        return told.search
    folders = (RunFolder(told.out / UNFINISHED), RunFolder(told.out))
    begun = next((folder for folder in folders if folder.has_recipe()), None)
    proposals = {} if begun is None else begun.recipe("run recipe").get("proposals", {})
    return recorded_search(proposals) or told.search


def read_pairs(samples: Sequence[Sample], regions: Regions) -> Iterator[tuple[Image, Proposals]]:
    """Yield every image with its regions; DataError for one that cannot be read."""
    from detect.data import read_pixels

    for sample in samples:
        image = read_pixels(sample)
        yield image, regions(image, sample)
