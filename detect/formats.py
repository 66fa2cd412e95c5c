"""The format of what one command writes for another to read: every card, recipe and state has one.

Beside `format` stands `detect`, the version that wrote it. What has neither is of format 1, except
a recipe that somebody wrote by hand: that means what the present version means by it. One format
covers everything in a file, and what belongs to it: `unfinished.jsonl` is of its config.toml's.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Literal

from detect.errors import DataError

FORMAT = 4
VERSION = version("detect")
_FORMAT, _WRITER = "format", "detect"

What = Literal[
    "model card",
    "fitted model",
    "training state",
    "recipe",
    "run recipe",
    "environment",
    "proposals recipe",
    "scores card",
    "features recipe",
    "ensemble record",
    "detector card",
    "training record",
    "archive recipe",
]

# What a format, and those before it, said otherwise: what it is -> key -> value then -> value now.
# None is the value of a key that was not there: what came later (`search`, `deltas`) gets here what
# was true then, where it is first read.
_Changes = dict[str, dict[Any, Any]]
_SELECTION: _Changes = {
    "kind": {None: "nms"},
    "decay": {None: "gaussian"},
    "sigma": {None: 0.5},
    "fusion_iou": {None: 0.55},
    "vote": {None: "off"},
}
_LOOKS: _Changes = {"mirror": {None: False}, "rounds": {None: 1}, "again": {None: 0}}
_CHANGES: dict[int, dict[What, _Changes]] = {
    1: {"model card": {"kind": {"classifier": "image-classifier"}}},
    2: {
        "scores card": _SELECTION,
        "run recipe": _SELECTION,
        "environment": {"batches": {None: "opencv"}},
    },
    3: {
        "scores card": {"deltas": {None: "off"}, "deltas_from": {None: 0.0}, **_LOOKS},
        "run recipe": {"regression": {None: "off"}, **_LOOKS, "engine": {None: "torch"}},
    },
}


def stamped(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as they are written: after the format and the version that writes them."""
    return {_FORMAT: FORMAT, _WRITER: VERSION, **values}


def upgraded(
    values: Mapping[str, Any], what: What, where: object, *, unstamped: int = 1
) -> dict[str, Any]:
    """Return `values` read from `where` as this version means them, without format and version.

    `unstamped` is the format of values without one. DataError for a format that is newer, or none.
    """
    number = _number(values.get(_FORMAT, unstamped), where)
    if number > FORMAT:
        writer = values.get(_WRITER)
        known = writer and writer != VERSION  # Not of a version that is still in the making.
        by, needed = (f"detect {writer}" if known else "a newer detect",) * 2
        raise DataError(
            f"{where}: {what} of format {number}, written by {by}; this one (detect {VERSION}) "
            f"reads up to format {FORMAT}. Install {needed} to read it."
        )
    found = {key: value for key, value in values.items() if key not in (_FORMAT, _WRITER)}
    for earlier in range(number, FORMAT):
        for key, now in _CHANGES[earlier].get(what, {}).items():
            if (then := found.get(key)) in list(now):  # A list, as `then` may be anything.
                found[key] = now[then]
    return found


def _number(value: object, where: object) -> int:
    """Return the number of a format, given as digits where only text can be stored."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError(
            f"{where}: {_FORMAT}: expected a whole number from 1, got {value!r}. Was it edited by "
            "hand? Copy the file again, or make it anew."
        )
    return value
