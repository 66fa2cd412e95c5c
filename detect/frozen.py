"""Arrays that nobody writes to, as fields of frozen dataclasses."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _frozen(values: ArrayLike, dtype: Any, shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Return a read-only copy of `values` with `dtype`; raise ValueError on another shape."""
    array = np.array(values, dtype=dtype)
    if array.size == 0:
        array = array.reshape(shape)
    if array.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
    array.setflags(write=False)
    return array


def freeze(owner: object, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
    """Make the field `name` of a frozen dataclass a read-only array; ValueError on its shape."""
    label = f"{type(owner).__name__}.{name}"
    object.__setattr__(owner, name, _frozen(getattr(owner, name), dtype, shape, label))


def freeze_boxes(owner: Any) -> int:
    """Freeze `owner.boxes` to (N, 4) float32 and return N; ValueError if not finite."""
    count = len(owner.boxes)
    freeze(owner, "boxes", np.float32, (count, 4))
    if not np.isfinite(owner.boxes).all():
        raise ValueError(f"{type(owner).__name__}.boxes: coordinates must be finite")
    return count
