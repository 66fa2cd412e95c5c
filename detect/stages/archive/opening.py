"""What `archive` opens before it begins: the networks, what proposes, the recipe of it all."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from detect.ensemble.combination import Combination
from detect.ensemble.rounds import Rounds
from detect.errors import DataError, UsageError, option
from detect.progress import Reporter
from detect.proposals.settings import PRESETS
from detect.reading import parse_object
from detect.stages.archive.options import LOCAL, RAY, ArchiveOptions
from detect.stages.archive.work import Entry, Networks, Reading, Work
from detect.stages.engines import check_crops
from detect.stages.scoring import lowest, network_paths, rounds_of
from detect.stages.selection import combination_of
from detect.stages.sources import MultiBoxChoice, check_method, make_source
from detect.storage.manifest import Manifest
from detect.storage.proposals import ProposalFile

# The options that only one of the two sources obeys.
_OF_SEARCH, _OF_MULTIBOX = ("preset", "search", "seed"), ("multibox",)
# What a recipe of stored proposals says of the images and not of how boxes are made: an archive
# may grow.
_OF_IMAGES = ("data", "images")
_LOOKED_FOR = 100  # Images of a manifest, to tell whether its paths are right at all.


@dataclass(frozen=True)
class ArchiveJob:
    """What was told, settled: the files of all `networks`, how to select and how often to look."""

    told: ArchiveOptions
    networks: tuple[Path, ...]
    combination: Combination
    rounds: Rounds


def settle(told: ArchiveOptions) -> ArchiveJob:
    """Return the job that `told` describes; UsageError for what does not go together.

    Raises DataError for an ensemble whose training did not end.
    """
    if told.proposals is None:
        check_method(told, told.method, search=_OF_SEARCH, multibox=_OF_MULTIBOX)
    else:
        for name in told.gave("method", *_OF_SEARCH, *_OF_MULTIBOX):
            raise UsageError(
                f"{option(name)} and {option('proposals')}: stored proposals are not made again. "
                "Leave one out."
            )
    _check_engine(told)
    threshold = lowest("threshold", told.threshold, None)
    combination = combination_of(told, threshold, probabilities=True)
    return ArchiveJob(told, network_paths(told.model), combination, rounds_of(told))


def _check_engine(told: ArchiveOptions) -> None:
    """Raise UsageError for an option that means nothing where the work is done."""
    meaningless = {"workers": told.on != RAY, "actors": told.on == LOCAL}
    for name in told.gave(*(name for name, found in meaningless.items() if found)):
        raise UsageError(
            f"{option(name)} means nothing with {option('on', told.on)}. Leave it out."
        )


def open_work(job: ArchiveJob) -> Work:
    """Open the networks and what proposes.

    Raises DataError for models and proposals that are wrong or do not belong together,
    EnvironmentProblem for a machine that cannot.
    """
    from detect.models.model_files import model_hash
    from detect.models.region_networks import load_region_network

    told = job.told
    models = [load_region_network(path) for path in job.networks]
    for path, (_, card) in zip(job.networks, models, strict=True):
        check_crops(told, path, card)
    networks = Networks(
        models=models,
        batch_size=told.batch_size,
        precision=told.precision,
        regression=told.regression == "on",
        mirror=told.mirror,
        combination=job.combination,
        rounds=job.rounds,
    )
    hashes = [model_hash(path) for path in job.networks]
    reading, proposals = _reading(told)
    recipe = _recipe(networks, hashes, proposals)
    out = told.out.absolute()
    return Work(reading, networks, told.device, out, told.part_images, "+".join(hashes), recipe)


def _reading(told: ArchiveOptions) -> tuple[Reading, dict[str, Any]]:
    """Return how images get regions, and the recipe of those."""
    if told.proposals is not None:
        stored = ProposalFile(told.proposals).recipe
        return Reading(None), {k: v for k, v in stored.items() if k not in _OF_IMAGES}
    # Engines propose on CPUs: GPUs are the networks'.
    device = told.device if told.on == LOCAL else "cpu"
    choice = MultiBoxChoice(told.multibox, device, told.precision)
    settings = replace(PRESETS[told.preset], search=told.search)
    source = make_source(told.method, settings, told.seed, choice)
    return Reading(source.propose), source.recipe


def _recipe(networks: Networks, hashes: list[str], proposals: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the rows, as JSON has it.

    The scorer is made once for what it checks: that the networks know the same classes.
    """
    scorer = networks.scorer("cpu")
    recipe = {
        "models": hashes,
        "classes": scorer.classes,
        "precision": networks.precision,
        "regression": scorer.moves,
        "mirror": networks.mirror,
        "rounds": asdict(networks.rounds),
        "selection": asdict(networks.combination),
        "proposals": proposals,
    }
    return parse_object(json.dumps(recipe), "the recipe", "a recipe of a detection")


def check_some_there(manifest: Manifest) -> None:
    """Raise DataError where not one of the manifest's first images is there.

    Paths from another folder or machine, or a disk that is not mounted: all would be recorded as
    broken, and no `resume` looks at these again.
    """
    first: list[Any] = manifest.table.column("path")[:_LOOKED_FOR].to_pylist()
    if not any(os.path.lexists(path) for path in first):
        raise DataError(
            f"{manifest.path}: none of its first {len(first)} images is there, such as {first[0]}. "
            "A path is absolute or begins at the manifest's folder: correct the paths, or mount "
            "the disk."
        )


def with_stored(
    told: ArchiveOptions, left: pa.Table, reporter: Reporter, *, first: bool = True
) -> pa.Table:
    """Return `left` with the file of each image's stored proposals as the column `stored`.

    "" where there are none, which a warning counts; DataError where no image has any at `first`,
    when nothing is done yet.
    """
    if told.proposals is None:
        return left.append_column("stored", pa.repeat("", len(left)))
    file = ProposalFile(told.proposals.absolute())
    names: list[Any] = left.column("image_id").to_pylist()
    stored = [str(file.part_of(name)) if name in file else "" for name in names]
    without = stored.count("")
    if first and without == len(stored):
        raise DataError(
            f"{file.path}: no proposals for any of the {without} images of {told.manifest}. "
            "They were made for other images: propose for these."
        )
    if without:
        reporter.warn(
            f"{file.path}: no proposals for {without} of {len(stored)} images: they will be "
            "recorded as broken."
        )
    return left.append_column("stored", pa.array(stored, pa.large_string()))


def entries_of(left: pa.Table) -> Iterator[Entry]:
    """Yield the rows of `left`, a batch of them in Python's memory at a time."""
    for batch in left.to_batches(max_chunksize=1024):
        yield from _entries(batch)


def _entries(batch: pa.RecordBatch) -> Iterable[Entry]:
    return map(Entry, *(batch.column(name).to_pylist() for name in Entry._fields))
