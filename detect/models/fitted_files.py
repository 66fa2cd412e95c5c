"""What is checked of a file that was fitted on a network's features: card, shapes, values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from detect.errors import DataError
from detect.formats import upgraded
from detect.models.card_checks import CLASSES, are_names
from detect.models.kinds import FittedKind
from detect.models.tensor_files import TensorFile
from detect.reading import parse_json, shown


@dataclass(frozen=True)
class FittedCard:
    """What the file says of its tensors: the hash of the network, the classes, the recipe."""

    model: str
    classes: tuple[str, ...]
    recipe: dict[str, Any]


def fitted_card(file: TensorFile, kind: FittedKind[Any]) -> FittedCard:
    """Return what `file` says; DataError unless it is of `kind`, and says all."""
    path, remedy = file.path, file.remedy
    values = upgraded(file.metadata if file.card is None else file.card, "fitted model", path)
    if values.get("kind") != kind.name:
        raise DataError(f"{path}: not {kind.words}. {remedy}")
    if file.card is None:
        values = _decoded(values, path, remedy)
    model, classes, recipe = (values.get(name) for name in ("model", "classes", "recipe"))
    if not isinstance(model, str):
        raise DataError(f"{path}: model: expected a network's hash, got {shown(model)}. {remedy}")
    if not isinstance(classes, list) or not are_names(tuple(classes)):
        raise DataError(f"{path}: classes: expected {CLASSES}, got {shown(classes)}. {remedy}")
    if not isinstance(recipe, dict):
        raise DataError(f"{path}: recipe: expected a table, got {shown(recipe)}. {remedy}")
    return FittedCard(model, tuple(classes), recipe)


def _decoded(values: Mapping[str, Any], path: Path, remedy: str) -> dict[str, Any]:
    """Return what files of format 1 say: JSON texts in the metadata, a recipe in some."""
    texts = {"recipe": "{}", **values}
    found: dict[str, Any] = {
        name: parse_json(texts[name], f"{path}: {name}", f"JSON of the {name}", remedy)
        for name in ("classes", "recipe")
        if name in texts
    }
    return {**values, **found}


def check_shapes(file: TensorFile, kind: FittedKind[Any], sizes: Mapping[str, int]) -> None:
    """Raise DataError unless the tensors of `file` are those of `kind`, before any is read.

    `sizes` are what the names in its shapes stand for.
    """
    for name in sorted(kind.shapes.keys() | file.entries.keys()):
        if name not in kind.shapes:
            raise DataError(f"{file.path}: unknown tensor {shown(name)}. {file.remedy}")
        shape, dtype = kind.shapes[name]
        expected = tuple(sizes.get(side, 0) + more for side, more in shape), dtype
        if (found := file.entries.get(name)) != expected:
            got = f"{list(found[0])} {found[1]}" if found else "none"
            raise DataError(
                f"{file.path}: tensor {name}: expected {list(expected[0])} {dtype}, got {got}. "
                f"{file.remedy}"
            )


def check_values(tensors: Mapping[str, Any], path: Path, remedy: str) -> None:
    """Raise DataError for a number that nothing fitted has: not finite, a scale or count below."""
    for name, values in tensors.items():
        low = 0 if name == "scale" or values.dtype == np.int64 else -np.inf
        if not np.isfinite(values).all() or (values < low).any():
            raise DataError(
                f"{path}: tensor {name}: expected finite numbers"
                f"{' from 0' if low == 0 else ''}. {remedy}"
            )
