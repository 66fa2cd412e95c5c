"""What is done with an image of an archive, wherever: read and proposed for, scored, selected.

The pieces of `Work` are picklable: an engine sends them to the machines it has.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import Rounds
from detect.errors import DataError
from detect.storage.archive_rows import ArchiveRow
from detect.structures import Image, Proposals

if TYPE_CHECKING:
    from detect.detector import RegionScorer
    from detect.models.region_networks import RegionCard, RegionNetwork
    from detect.proposals.worker import Propose
    from detect.storage.proposals import ProposalFile


class Entry(NamedTuple):
    """An image of the manifest, and the file of its stored proposals ("" without any)."""

    image_id: str
    path: str
    stored: str


@dataclass(frozen=True, eq=False)
class ReadImage:
    """An image with its regions, or the error why there are none."""

    image_id: str
    image: Image | None = None
    proposals: Proposals | None = None
    error: str = ""


@dataclass(frozen=True)
class Reading:
    """How an image is read and gets regions: by `propose`, or stored ones where that is None."""

    propose: "Propose | None"

    def __call__(self, entry: Entry) -> ReadImage:
        """Read the image and its regions; a broken image is one with an error."""
        from detect.images import read_image

        try:
            image = read_image(Path(entry.path))
            return ReadImage(entry.image_id, image, self._regions(image, entry))
        except DataError as error:
            return ReadImage(entry.image_id, error=str(error))

    def _regions(self, image: Image, entry: Entry) -> Proposals:
        if self.propose is not None:
            return self.propose(image, entry.image_id)
        if not entry.stored:
            raise DataError(f"no stored proposals for image {entry.image_id}.")
        return _opened(entry.stored).read(entry.image_id, (image.shape[0], image.shape[1]))


@lru_cache(maxsize=2)
def _opened(path: str) -> "ProposalFile":
    """Return the stored proposals in one file; neighbours in a manifest mostly share it."""
    from detect.storage.proposals import ProposalFile

    return ProposalFile(Path(path))


@dataclass(frozen=True, eq=False)
class Networks:
    """The networks and how they score; fields as of RegionScorer."""

    models: "list[tuple[RegionNetwork, RegionCard]]"
    batch_size: int | None
    precision: str
    regression: bool
    mirror: bool
    combination: Combination
    rounds: Rounds

    def scorer(self, device: str) -> "RegionScorer":
        """Return what scores on `device`; batches hold crops of several images."""
        from detect.detector import RegionScorer
        from detect.detector.batches import Packing
        from detect.detector.scoring import mirrored, softmax
        from detect.models.device import choose_device

        chosen = choose_device(device)
        return RegionScorer(
            self.models,
            chosen,
            batch_size=self.batch_size,
            precision=self.precision,
            score=mirrored(softmax) if self.mirror else softmax,
            regression=self.regression,
            combination=self.combination,
            rounds=self.rounds,
            packing=replace(Packing.on(chosen), across=True),
        )


@dataclass(frozen=True, eq=False)
class Work:
    """All that an engine needs to know: how to read, how to score, what to write where."""

    reading: Reading
    networks: Networks
    device: str
    out: Path
    part_images: int
    model: str
    recipe: dict[str, Any]


class Written(NamedTuple):
    """So many `images` are in a new part; or `lost` ones are not, for the `problem`."""

    images: int
    lost: int = 0
    problem: str = ""


def found_in(
    scorer: "RegionScorer", images: Iterable[ReadImage]
) -> Generator[ArchiveRow, None, None]:
    """Yield a row for each of `images`, in their order, a few of them in memory.

    Raises what the networks do: EnvironmentProblem for want of memory, DetectError for values
    that are not finite.
    """
    order = deque[ArchiveRow | None]()  # None for an image whose row is still to come

    def pairs() -> Iterator[tuple[Image, Proposals]]:
        for one in images:
            if one.image is None or one.proposals is None:
                order.append(ArchiveRow(one.image_id, error=one.error))
            else:
                order.append(None)
                yield one.image, one.proposals

    with closing(scorer.stream(pairs())) as stream:
        for image, found in stream:
            while (broken := order.popleft()) is not None:
                yield broken
            yield ArchiveRow(found.named_id, (image.shape[0], image.shape[1]), found)
    yield from (row for row in order if row is not None)
