"""Numbers inside a page: deflated typed arrays as base64, which page/unpack.mjs reads."""

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Packed = tuple[str, str]


def packed(values: NDArray[Any], kind: str) -> Packed:
    """Return `values`, flat, as `kind` (f4, f8, u1, u2, u4, i4) and base64 of zlib's deflate."""
    little = np.ascontiguousarray(values).astype(f"<{kind}")
    return kind, base64.b64encode(zlib.compress(little.tobytes(), 9)).decode()


def smallest_kind(highest: int) -> str:
    """Return the smallest unsigned kind that holds 0 to `highest`."""
    return "u1" if highest < 2**8 else "u2" if highest < 2**16 else "u4"
