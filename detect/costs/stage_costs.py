"""Hours, memory and disk of a stage, by arithmetic from what was timed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from detect.costs.units import bytes_text, duration

if TYPE_CHECKING:
    from detect.detector.region_time import RegionTime
    from detect.proposals.estimate import Estimate
    from detect.training.step_time import StepTime

SCORE_BYTES = {"float32": 4, "float16": 2}
# Of classwise deltas those of classes that score high enough are kept: one a region is assumed
# here. Numbers a region, and the bytes of a class's place.
_PAIRS, _PLACE_BYTES = 1, 4
_DELTAS = {"off": 0, "agnostic": 4, "classwise": 4 * _PAIRS}


@dataclass(frozen=True)
class ProposeFigures:
    """Images of the split, those of them that were timed, what one of these took and showed."""

    images: int
    images_timed: int
    seconds_per_image: float
    boxes_per_image: float
    workers: int


@dataclass(frozen=True)
class TrainingFigures:
    """`steps` of all networks, of `batch` samples each; those timed, of `samples_timed` each."""

    networks: int
    steps: int
    batch: int
    seconds_per_step: float
    steps_timed: int
    samples_timed: int


@dataclass(frozen=True)
class RunFigures:
    """Images, regions and networks; seconds a region and network; bytes of all scores if kept.

    `mirror`: mirrored regions are in the seconds; `again_per_image` regions of later rounds.
    """

    images: int
    regions_per_image: float
    networks: int
    seconds_per_region: float
    regions_timed: int
    scores_bytes: int
    mirror: bool
    again_per_image: float


Figures = ProposeFigures | TrainingFigures | RunFigures


@dataclass(frozen=True)
class StageCost:
    """One command of the chain, `what` it works on, and what it costs.

    `seconds`, `memory` and `gpu_memory` at their highest and `disk` in bytes, 0 where not known;
    `basis` what they come from and `extrapolated` what was not measured but concluded, for
    people; `figures` the numbers of the basis, None of several stages together.
    """

    command: str
    what: str
    seconds: float
    memory: int
    disk: int
    basis: str
    gpu_memory: int = 0
    extrapolated: tuple[str, ...] = ()
    figures: Figures | None = None


def propose_stage(
    split: str, images: int, estimate: "Estimate", workers: int, *, multibox: bool = False
) -> StageCost:
    """Return the cost of `detect propose` for a split of `images`, with a `multibox` or without."""
    per_image, boxes = estimate.seconds_per_image, estimate.boxes_per_image
    concluded = []
    if workers > 1:
        concluded.append(f"{workers} workers share the work without loss")
    if multibox:
        concluded.append("MultiBox finds as many new boxes as an untrained one")
    return StageCost(
        command="propose",
        what=split,
        seconds=estimate.seconds(images, workers),
        memory=estimate.memory_of(workers),
        disk=estimate.disk(images),
        basis=f"{images:,} images at {duration(per_image)} and {boxes:,.0f} boxes each, "
        f"{estimate.timed} of them timed",
        extrapolated=tuple(concluded),
        figures=ProposeFigures(
            images=images,
            images_timed=estimate.timed,
            seconds_per_image=per_image,
            boxes_per_image=boxes,
            workers=workers,
        ),
    )


@dataclass(frozen=True)
class NetworkTraining:
    """One network: the `steps` of its recipe, and what a step takes."""

    steps: int
    step: "StepTime"


def training_stage(
    command: str,
    recipe: str,
    networks: Sequence[NetworkTraining],
    *,
    held: int = 0,
    concluded: tuple[str, ...] = (),
) -> StageCost:
    """Return the cost of training the `networks` of one recipe one after the other.

    `held` bytes of memory are for what a step does not show, the regions of the whole split;
    `concluded`: what else was not measured.
    """
    seconds = sum(network.steps * network.step.seconds for network in networks)
    first = networks[0]
    step = max((network.step for network in networks), key=lambda step: step.seconds)
    each = f", {duration(seconds / len(networks))} each" if len(networks) > 1 else ""
    memory = max(network.step.peak.memory for network in networks)
    return StageCost(
        command=command,
        what=_networks(recipe, len(networks)),
        seconds=seconds,
        memory=memory and memory + held,
        disk=sum(network.step.disk for network in networks),
        basis=f"{first.steps:,} steps of {step.batch} at {duration(step.seconds)}{each}; "
        f"{step.steps} steps timed",
        gpu_memory=max(network.step.peak.gpu for network in networks),
        extrapolated=(*_smaller_steps(step), *concluded),
        figures=TrainingFigures(
            networks=len(networks),
            steps=sum(network.steps for network in networks),
            batch=step.batch,
            seconds_per_step=step.seconds,
            steps_timed=step.steps,
            samples_timed=step.samples,
        ),
    )


def _networks(recipe: str, count: int) -> str:
    return f"{recipe}, {count} networks" if count > 1 else recipe


def _smaller_steps(step: "StepTime") -> tuple[str, ...]:
    if step.samples == step.batch:
        return ()
    return (
        f"timed with {step.samples} of {step.batch} samples a step; time in proportion, memory "
        "along a line",
    )


def run_stage(
    split: str,
    recipe: str,
    images: int,
    regions: float,
    networks: Sequence["RegionTime"],
    columns: int,
    kept: str | None,
    *,
    mirror: bool = False,
    again: float = 0.0,
    deltas: str = "off",
) -> StageCost:
    """Return the cost of `detect run` with `networks` over a split of `images`.

    `regions` an image; `columns` the classes and background; `kept`: the scores are, as that type,
    and take their bytes twice while the finished file is made of a file an image; `mirror`: the
    regions were timed with their mirror images; and `again` are those of later rounds, of an
    image; `deltas` of networks that move boxes, which are kept with the scores.
    """
    total = images * (regions + again)
    per_region = sum(network.seconds for network in networks) / len(networks)
    several = len(networks) > 1
    looked = f" and {again:,.0f} of later rounds" if again else ""
    unit = "region" + " (mirrored too)" * mirror + " and network" * several
    numbers = (columns + _DELTAS[deltas]) * len(networks) * SCORE_BYTES[kept or "float32"]
    places = _PLACE_BYTES * _PAIRS if deltas == "classwise" else 0
    scores = round(total * (numbers + places + 4 * 4))
    adds = f"{'kept scores take' if kept else '--keep-scores adds'} {bytes_text(scores)}"
    return StageCost(
        command="run",
        what=f"{split}, {_networks(recipe, len(networks))}",
        seconds=total * sum(network.seconds for network in networks),
        memory=max(network.peak.memory for network in networks),
        disk=2 * scores if kept else 0,
        basis=f"{images:,} images of {regions:,.0f} regions{looked} at {duration(per_region)} a "
        f"{unit}; {networks[0].regions:,} regions timed; {adds}, and as much again while the one "
        "file of all is being written",
        gpu_memory=max(network.peak.gpu for network in networks),
        extrapolated=tuple(_concluded(several, again, deltas)),
        figures=RunFigures(
            images=images,
            regions_per_image=regions,
            networks=len(networks),
            seconds_per_region=per_region,
            regions_timed=networks[0].regions,
            scores_bytes=scores,
            mirror=mirror,
            again_per_image=again,
        ),
    )


def _concluded(several: bool, again: float, deltas: str) -> Iterator[str]:
    """Yield what of a run was not measured."""
    if several:
        yield "every network cuts its own crops"
    if again:
        yield "regions of later rounds take as long as the others"
    if deltas == "classwise":
        yield f"how boxes move is kept for {_PAIRS} class a region"


def total(stages: Sequence[StageCost]) -> StageCost:
    """Return the cost of all `stages`, one after the other."""
    return StageCost(
        command="all,",
        what="one after the other",
        seconds=sum(stage.seconds for stage in stages),
        memory=max(stage.memory for stage in stages),
        disk=sum(stage.disk for stage in stages),
        basis="",
        gpu_memory=max(stage.gpu_memory for stage in stages),
    )
