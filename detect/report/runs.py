"""The folders of `detect run`: what was detected, by how many networks, on which proposals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.data import data_hash
from detect.errors import DataError, option
from detect.evaluation.comparison import short_names
from detect.evaluation.flat import FlatDetections
from detect.formats import What, upgraded
from detect.reading import read_object, read_toml
from detect.storage.detections import read_columns
from detect.storage.recipe import flat
from detect.structures import Dataset
from detect.together import settle

# Scale k of R-CNN's Selective Search, and doubled (arXiv 1409.4842, section 8).
_RCNN, _DOUBLED = [50, 100], [100, 200]


@dataclass(frozen=True, eq=False)
class Run:
    """One run: its `config` and `environment` as recorded, {} where they were not."""

    name: str
    detections: FlatDetections
    config: dict[str, Any]
    environment: dict[str, Any]

    @property
    def networks(self) -> int | None:
        """Return how many networks were averaged, None where that was not recorded."""
        models = self.config.get("models")
        return len(models) if isinstance(models, list) and models else None

    @property
    def moved_by(self) -> tuple[str, ...]:
        """Return what made other boxes of those proposed: voting (wbf too), regression."""
        voted = self.config.get("vote", "off") != "off" or self.config.get("kind") == "wbf"
        moved = self.config.get("regression", "off") != "off"
        ways = {"voting": voted, "regression": moved}
        return tuple(way for way, is_so in ways.items() if is_so)

    @property
    def proposals(self) -> str:
        """Return what proposed its regions, as `proposal_kind`."""
        return proposal_kind(_table_in(self.config, "proposals"))

    def settings(self) -> list[tuple[str, str]]:
        """Return what decided its detections, flat: ("proposals.parameters.ks", "50, 100")."""
        return [(key, _on_one_line(value)) for key, value in flat(self.config).items()]

    def surroundings(self) -> list[tuple[str, str]]:
        """Return where it ran, flat."""
        return [(key, _on_one_line(value)) for key, value in flat(self.environment).items()]


def read_runs(paths: Sequence[Path], dataset: Dataset) -> list[Run]:
    """Read the run folders `paths`, called by the shortest endings of their paths that differ.

    Raises DataError where one is no folder with detections.json, was made on other images than
    those of `dataset` (environment.json, "data") or has files that cannot be read.
    """
    names = short_names([str(path) for path in paths])
    digest = data_hash(dataset)
    return [_read(path, name, dataset, digest) for path, name in zip(paths, names, strict=True)]


def proposal_kind(recipe: dict[str, Any]) -> str:
    """Tell what a recipe of proposals is: "rcnn", "doubled", "both", "multibox" or "other".

    "rcnn" and "doubled" are Selective Search with R-CNN's superpixels and with superpixels of
    twice the size; "both" is doubled superpixels and MultiBox.
    """
    method, search = recipe.get("method"), _table_in(recipe, "parameters")
    if method == "multibox":
        return "multibox"
    ks = (_table_in(search, "selective-search") if method == "both" else search).get("ks")
    if method == "both":
        return "both" if ks == _DOUBLED else "other"
    if method != "selective-search":
        return "other"
    if ks == _DOUBLED:
        return "doubled"
    return "rcnn" if ks == _RCNN else "other"


def _read(path: Path, name: str, dataset: Dataset, digest: str) -> Run:
    if not path.is_dir():
        kind = "is no folder" if path.exists() else "no such folder"
        raise DataError(f"{path}: {kind}. Expected one that detect run wrote.")
    settle(path)
    if not (path / "detections.json").is_file():
        raise DataError(
            f"{path}: has no detections.json. Expected a folder that detect run wrote; an "
            f"interrupted run goes on with {option('resume')}."
        )
    config = _table(path / "config.toml", "run recipe", read_toml)
    environment = _table(path / "environment.json", "environment", read_object)
    _check_images(path, environment.get("data", digest), digest, dataset)
    detections = FlatDetections(*read_columns(path / "detections.json", dataset))
    return Run(name, detections, config, environment)


def _table(path: Path, what: What, read: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the table in `path`, {} where there is no such file."""
    if not path.is_file():
        return {}
    named = "recipe" if what == "run recipe" else what
    return upgraded(read(path, f"the {named} of a run", "Run detect run again."), what, path)


def _table_in(values: dict[str, Any], key: str) -> dict[str, Any]:
    """Return the table under `key`, {} where there is none."""
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _check_images(path: Path, recorded: str, digest: str, dataset: Dataset) -> None:
    """Raise DataError unless the run saw the images of `dataset`."""
    if recorded != digest:
        raise DataError(
            f"{path}: was made on other images (data {recorded}) than split {dataset.split!r} of "
            f"{dataset.root} (data {digest}). Give the {option('data')} and "
            f"{option('split')} of that run."
        )


def _on_one_line(value: Any) -> str:
    """Return `value` on one line, "-" for nothing."""
    return (", ".join(map(str, value)) if isinstance(value, list) else str(value)) or "-"
