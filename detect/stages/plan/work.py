"""What `plan` times: a few steps of a training, a few images proposed for, a few regions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from detect.config import AnyRecipe, RegionClassifierRecipe, SharedRecipe
from detect.costs.stage_costs import StageCost, propose_stage
from detect.errors import DataError, option
from detect.progress import Reporter
from detect.proposals.settings import PRESETS
from detect.runs import RunFolder
from detect.stages.plan.options import PlanOptions
from detect.stages.sources import BOTH, SEARCH, MultiBoxChoice, Source, make_source
from detect.structures import Dataset, Proposals

if TYPE_CHECKING:
    import torch

    from detect.detector.region_time import RegionTime
    from detect.models.region_networks import RegionCard, RegionNetwork
    from detect.training.step_time import StepTime

# Stored proposals that are read to know how many an image has.
_IMAGES_READ = 64


@dataclass(frozen=True)
class Timings:
    """What every timing needs: the options, the split to train on and the one to test on.

    `folder` is for what is made on the way.
    """

    told: PlanOptions
    dataset: Dataset
    test: Dataset | None
    folder: Path
    reporter: Reporter

    @property
    def device(self) -> "torch.device":
        """The device of the networks."""
        from detect.models.device import choose_device

        return choose_device(self.told.device)

    def say(self, what: str) -> None:
        """Say what is being timed."""
        self.reporter.say(f"timing {what} ...")


@dataclass(frozen=True)
class Regions:
    """Proposals of a few images of a split, how many an image has, what proposing costs."""

    dataset: Dataset
    proposals: tuple[Proposals, ...]
    per_image: float
    stage: StageCost | None


def time_training(
    work: Timings, name: str, recipe: AnyRecipe, dataset: Dataset
) -> tuple["StepTime", Path]:
    """Time a few steps of `recipe`; return also the weights of the hardly trained network."""
    from detect.training.call import Call
    from detect.training.rehearsal import rehearse

    work.say(f"steps of {name}")
    folder = RunFolder(work.folder / f"run-{len(list(work.folder.iterdir()))}")
    call = Call(folder, work.device, threads=work.told.threads, reporter=work.reporter)
    return rehearse(recipe, dataset, call), folder.weights("last")


def regions_of(
    work: Timings, dataset: Dataset, stored: Path | None, models: Sequence[Path]
) -> Regions:
    """Return regions of `dataset`: read from `stored`, or proposed and timed.

    With networks of MultiBox, `models`, they propose as well.
    """
    if stored is not None:
        return stored_regions(dataset, stored)
    choice = MultiBoxChoice(models, work.told.device, "auto")
    settings = replace(PRESETS[work.told.preset], search=work.told.search)
    source = make_source(BOTH if models else SEARCH, settings, 0, choice)
    workers = source.workers(work.told.workers, len(dataset))
    return proposed(work, dataset, source, workers, untrained=bool(models))


def proposed(
    work: Timings, dataset: Dataset, source: Source, workers: int, *, untrained: bool = False
) -> Regions:
    """Propose for a few images of `dataset`, with an `untrained` MultiBox or not, and time it."""
    from detect.proposals.estimate import measure

    work.say(f"proposals for {dataset.split}")
    found = measure(source.propose, dataset.samples)
    stage = propose_stage(dataset.split, len(dataset), found, workers, multibox=untrained)
    return Regions(dataset, found.proposals, found.boxes_per_image, stage)


def stored_regions(dataset: Dataset, path: Path) -> Regions:
    """Read regions of a few images of `dataset`."""
    from detect.proposals.estimate import IMAGES_TIMED, spread
    from detect.storage.proposals import ProposalFile

    file = ProposalFile(path)
    found = [file.read(s.image_id, s.size) for s in spread(dataset.samples, _IMAGES_READ)]
    per_image = sum(map(len, found)) / len(found)
    step = -(-len(found) // IMAGES_TIMED)
    return Regions(dataset, tuple(found[::step]), per_image, None)


def time_network(
    work: Timings,
    name: str,
    recipe: RegionClassifierRecipe | SharedRecipe,
    dataset: Dataset,
    regions: Regions,
) -> tuple["StepTime", "RegionTime"]:
    """Return what a step and a region take a network of `recipe`.

    Raises DataError where there is no region.
    """
    from detect.models.region_networks import load_region_network

    step, weights = time_training(work, name, recipe, dataset)
    work.say(f"regions with {name}")
    if not any(map(len, regions.proposals)):
        raise DataError(
            f"split {regions.dataset.split}: no box in any of the images timed, such as "
            f"{regions.proposals[0].image_id}. Choose other proposals or another "
            f"{option('preset')}."
        )
    model, card = load_region_network(weights)
    return step, time_pairs(work, model, card, regions)


def time_pairs(
    work: Timings,
    model: "RegionNetwork",
    card: "RegionCard",
    regions: Regions,
) -> "RegionTime":
    """Return what a region takes a network, mirrored too if told and it sees crops.

    In the precision that `detect run` takes by itself, whatever the network was trained in.
    """
    from detect.data import read_pixels
    from detect.detector.region_time import time_regions
    from detect.detector.scoring import mirrored, softmax
    from detect.models.cards import RegionClassifierCard

    samples = {sample.image_id: sample for sample in regions.dataset.samples}
    pairs = [(read_pixels(samples[one.image_id]), one) for one in regions.proposals]
    mirror = work.told.mirror and isinstance(card, RegionClassifierCard)
    score = mirrored(softmax) if mirror else softmax
    return time_regions(model, card, work.device, "auto", pairs, score)
