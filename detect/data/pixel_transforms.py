"""albumentations' pixel-level transforms by name: noise, blur, CLAHE, shadows, JPEG and others.

Taken are those that change the values of a crop's pixels and nothing else; the others are refused
with the reason before any training begins. What is drawn comes from a seed passed in.
"""

import difflib
import inspect
import os
import random
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from detect.errors import DataError

# Crops of noise and of one grey that a transform is tried on: one that fails seldom may pass.
_TRIES = 4


class PixelTransform(threading.local):
    """One transform of albumentations: a class of it, and what its constructor is told.

    A transform of the library keeps its random state and what it drew last, so every thread has
    its own, made when the thread first uses it.
    """

    def __init__(self, kind: type, arguments: Mapping[str, Any]) -> None:
        self._transform = kind(**arguments)

    def __call__(
        self, crop: NDArray[np.uint8], seed: tuple[int, ...], *, always: bool = False
    ) -> NDArray[np.uint8]:
        """`crop` (S, S, 3) -> changed, a function of it and `seed`; by the chance p, or `always`.

        Raises DataError where the transform fails or gives another size or type.
        """
        rng = np.random.default_rng(seed)
        self._transform.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        try:
            changed = self._transform(image=crop, force_apply=always)["image"]
        except Exception as error:  # Whatever a library of seventy transforms may raise.
            reason = _on_one_line(error)
            raise DataError(f"{self._name} fails on a crop {_shape(crop)}: {reason}") from error
        if changed.shape != crop.shape or changed.dtype != crop.dtype:
            raise DataError(
                f"{self._name} makes {_shape(changed)} of a crop {_shape(crop)}: expected the same "
                "size and type."
            )
        return np.asarray(changed, np.uint8)

    @property
    def _name(self) -> str:
        return type(self._transform).__name__


def make_transforms(tables: Sequence[Mapping[str, Any]], side: int) -> tuple[PixelTransform, ...]:
    """Return the transform of each of `tables`: its "name", and its arguments by their names.

    Each is tried on crops of `side` px. Raises DataError for a name that the library does not
    have, a transform that needs more than a crop or changes more than its values, an argument
    that it does not take or a value that it refuses.
    """
    return tuple(_made(number, table, side) for number, table in enumerate(tables, 1))


def albumentations() -> ModuleType:
    """Import albumentations without its question to the network."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations as library

    return library  # type: ignore[no-any-return]


def _made(number: int, table: Mapping[str, Any], side: int) -> PixelTransform:
    arguments = dict(table)
    where = f"[[augment.more]] table {number}"
    try:
        kind = _kind(arguments.pop("name"))
        _check_names(kind, arguments)
        with warnings.catch_warnings():
            # With a warning the library goes on with other values than it was told, numpy with NaN.
            for category in (UserWarning, RuntimeWarning):
                warnings.simplefilter("error", category)
            transform = PixelTransform(kind, arguments)
            _try(transform, side)
    except DataError as error:
        raise DataError(f"{where}: {error.marked}") from None
    except Exception as error:
        raise DataError(f"{where}: {kind.__name__}: {_reason(error)}") from None
    return transform


def _kind(name: str) -> type:
    """Return the transform `name`; DataError if there is none, or it is not of this kind."""
    library = albumentations()
    kind = getattr(library, name, None)
    base = library.ImageOnlyTransform
    if not inspect.isclass(kind) or not issubclass(kind, library.BasicTransform) or kind is base:
        near = difflib.get_close_matches(name, list(_names(library)))
        raise DataError(
            f"albumentations {library.__version__} has no transform {name!r}."
            + (f" Did you mean {' or '.join(near)}?" if near else "")
        )
    if _needs_more(kind):
        raise DataError(f"{name} needs other images or texts than the crop: it cannot be used.")
    if not issubclass(kind, base):
        raise DataError(
            f"{name} changes more than the values of pixels (where things are, or whether), and "
            "boxes and labels would not follow: it cannot be used."
        )
    return kind


def _names(library: ModuleType) -> Iterator[str]:
    """Yield the names of the pixel-level transforms that need nothing but a crop."""
    base = library.ImageOnlyTransform
    for name, kind in vars(library).items():
        pixel_level = inspect.isclass(kind) and issubclass(kind, base) and kind is not base
        if pixel_level and not _needs_more(kind):
            yield name


def _needs_more(kind: type) -> bool:
    """Return whether every call needs metadata: of other images, or texts."""
    return "metadata_key" in _parameters(kind)


def _parameters(kind: type) -> list[str]:
    return [name for name in inspect.signature(kind.__init__).parameters if name != "self"]  # type: ignore[misc]


def _check_names(kind: type, arguments: Mapping[str, Any]) -> None:
    """Raise DataError for an argument that `kind` does not take: the library would but warn."""
    known = _parameters(kind)
    for name in arguments:
        if name not in known:
            raise DataError(f"{kind.__name__} has no argument {name!r}; it has {', '.join(known)}.")


def _try(transform: PixelTransform, side: int) -> None:
    """Change a few crops of `side` px; DataError where that fails."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    for crop in (noise, np.full_like(noise, 128)):
        for seed in range(_TRIES):
            transform(crop, (seed,), always=True)


def _reason(error: Exception) -> str:
    """Say on one line what the library has against the arguments."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return _on_one_line(error)
    problem = cause.errors()[0]
    text = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:  # of several arguments together
        return f"{text}."
    return f"{problem['loc'][0]}: {text}, got {problem['input']!r}."


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _shape(crop: NDArray[Any]) -> str:
    return f"{crop.dtype} {crop.shape}"
