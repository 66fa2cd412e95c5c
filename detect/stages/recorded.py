"""What proposes for a trained network: what proposed the regions that it was trained on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from detect.errors import DataError, DiskFailure, UsageError, option
from detect.progress import Reporter
from detect.proposals.settings import PRESETS, Search, SearchSettings
from detect.runs import RunFolder
from detect.stages.members import is_member
from detect.stages.sources import (
    BOTH,
    MULTIBOX,
    OWN,
    SEARCH,
    Method,
    MultiBoxChoice,
    Source,
    make_source,
    recorded_settings,
)

_PRESET = "rcnn"
# What make_source takes.
_Made = tuple[str, SearchSettings, int, MultiBoxChoice]


def recorded_source(
    networks: Sequence[Path],
    multibox: Sequence[Path],
    device: str,
    reporter: Reporter,
    *,
    search: Search | None = None,
) -> Source:
    """Return what proposes as the run of the first of `networks` notes it, else preset rcnn.

    MultiBox networks are known by their hashes, among those at `multibox` or, without, beside the
    run; `search`, if given, takes the place of the one noted. `reporter` is warned where it is not
    as noted. UsageError for `multibox` that the run does not need, DataError for one that is none;
    errors of `make_source`.
    """
    given = _by_hash(multibox)
    try:
        made = _as_noted(networks[0], given, device)
    except DataError as error:
        if given:
            remedy = "Give what the run was trained with, or leave it out."
            raise UsageError(f"{option('multibox')}: {error.marked} {remedy}") from error
        reporter.warn(f"{error.marked} Proposing by Selective Search, preset {_PRESET}.")
        made = (SEARCH, PRESETS[_PRESET], 0, MultiBoxChoice((), device, "auto"))
        return _source(made, search)
    if any(_note(one) != _note(networks[0]) for one in networks[1:]):
        reporter.warn(f"trained on different proposals: proposing as for {networks[0]}.")
    return _source(made, search)


def _source(made: _Made, search: Search | None) -> Source:
    method, settings, seed, choice = made
    return make_source(method, replace(settings, search=search or settings.search), seed, choice)


def _by_hash(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the MultiBox networks at `paths` by hash; DataError for a path that has none.

    An exported one by its own hash, and by that of the network it was made of.
    """
    from detect.models.checkpoints import kind_among
    from detect.models.exported.forms import form_of
    from detect.models.exported.network import exported_hashes
    from detect.models.model_files import find_weights, model_hash, read_card
    from detect.proposals.multibox.stored import PROPOSING

    found: dict[str, Path] = {}
    for path in paths:
        if form_of(path) is not None:
            found |= dict.fromkeys(exported_hashes(path), path)
            continue
        read_card(path, kind_among(path, PROPOSING).name)
        found[model_hash(path)] = find_weights(path)
    return found


def _note(network: Path) -> dict[str, Any] | None:
    """Return what the run of `network` notes of its proposals, data aside; None if nothing."""
    noted = RunFolder(_run_folder(network)).environment().get("proposals")
    if not isinstance(noted, dict):
        return None
    return {name: value for name, value in noted.items() if name not in ("data", "images")}


def _run_folder(network: Path) -> Path:
    """Return the run folder that `network`, a folder or a file, is of."""
    return network.parent.parent if network.parent.name == "weights" else network


def _as_noted(network: Path, given: Mapping[str, Path], device: str) -> _Made:
    """Return what the run of `network` notes; DataError where that is nothing, or not to be had."""
    folder, recipe = _run_folder(network), _note(network)
    if recipe is None:
        raise DataError(f"{network}: no note of the proposals that it was trained on.")
    if recipe.get("method") == OWN and not given:
        return MULTIBOX, PRESETS[_PRESET], 0, MultiBoxChoice([network], device, "auto")
    if recipe.get("method") not in get_args(Method):
        raise DataError(f"{folder}: trained on proposals that were not made by detect propose.")
    try:
        return _read(recipe, folder, given, device)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder}/environment.json: its proposals are not understood.") from error


def _read(recipe: dict[str, Any], folder: Path, given: Mapping[str, Path], device: str) -> _Made:
    """Read a `recipe` that sources.py wrote; KeyError, TypeError or ValueError if it did not."""
    method, parameters = recipe["method"], dict(recipe["parameters"])
    own = parameters if method == BOTH else {method: parameters}
    settings, seed, choice = PRESETS[_PRESET], 0, MultiBoxChoice((), device, "auto")
    if method != MULTIBOX:
        settings, seed = recorded_settings(own[SEARCH]), int(own[SEARCH]["seed"])
    if method != SEARCH:
        choice = _choice(own[MULTIBOX], recipe["models"], folder, given, device)
    elif given:
        raise DataError(f"{folder}: trained on proposals of {SEARCH} alone.")
    return method, settings, seed, choice


def _choice(
    values: dict[str, Any],
    hashes: Sequence[str],
    folder: Path,
    given: Mapping[str, Path],
    device: str,
) -> MultiBoxChoice:
    from detect.models.exported.forms import form_of

    models = [_find(wanted, folder, given) for wanted in hashes]
    return MultiBoxChoice(
        models=models,
        device=device,
        # The note may be of the network that an exported one was made of; ONNX has float32 alone.
        precision="float32" if "onnx" in map(form_of, models) else values["precision"],
        views=values["views"],
        nms=0.0 if values["nms"] == "adaptive" else values["nms"],
        boxes=values["boxes"],
    )


def _find(wanted: str, folder: Path, given: Mapping[str, Path]) -> Path:
    """Return the MultiBox network with the hash `wanted`; DataError where there is none."""
    found = given.get(wanted) if given else _found_beside(wanted, folder)
    if found is None:
        where = "given" if given else f"beside it (give it as {option('multibox')})"
        raise DataError(
            f"{folder}: trained on proposals of the MultiBox network {wanted}, which is not "
            f"{where}."
        )
    return found


def _found_beside(wanted: str, folder: Path) -> Path | None:
    """Return the MultiBox network with the hash `wanted` beside the run `folder`."""
    from detect.models.checkpoints import kind_among
    from detect.models.model_files import read_card
    from detect.models.tensor_files import HASH_KEY
    from detect.proposals.multibox.stored import PROPOSING

    for path in _beside(folder):
        try:
            card = read_card(path, kind_among(path, PROPOSING).name)
        except (DataError, DiskFailure):  # Another kind of model, or none.
            continue
        if str(card.get(HASH_KEY)).startswith(wanted):
            return path
    return None


def _beside(folder: Path) -> Iterator[Path]:
    """Yield the weights of the runs beside `folder`, of train-multibox's, and files there."""
    own = folder.resolve()
    own = own.parent if is_member(own) else own
    for root in (own.parent, own.parent.parent / "train-multibox"):
        yield from sorted(root.glob("*/weights/*.safetensors"))
        yield from sorted(root.glob("*.safetensors"))
