"""Damaged models: every change of a file is said, or changes nothing; nothing else is raised."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
import safetensors.torch

from detect.errors import DataError
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import (
    Fitted,
    load_fitted,
    load_model,
    save_fitted,
    save_model,
)
from detect.models.kinds import BOX_REGRESSION, LINEAR_SVMS, MULTIBOX, REGION_CLASSIFIER
from detect.models.svm import LinearSvms
from detect.models.tensor_files import opened_tensors, write_tensors

FEATURES = 5
MODEL = "0123456789abcdef"
# What is put in place of a value of a card or header.
ODD: tuple[Any, ...] = (
    None, True, [], {}, "", "x", -1, 0, 1.5, 10**9, 10**18, 1e300, -1e300, [[]], ["a", "a"],
    [1e300], "x" * 5000, "\ud800", "\0", ["a" * 300], {"a": {"b": []}}, [1] * 1000,
)  # fmt: skip


def _svms(path: Path) -> None:
    numbers = np.ones((FEATURES, 2)), np.zeros(2), np.array([7, 1]), np.array([9, 3])
    save_fitted(path, LINEAR_SVMS, Fitted(LinearSvms(0.3, *numbers), ("cat", "dog"), MODEL, {}))


def _regression(path: Path) -> None:
    regression = BoxRegression(0.3, np.ones((2, FEATURES + 1, 4)), np.array([7, 0]))
    save_fitted(path, BOX_REGRESSION, Fitted(regression, ("cat", "dog"), MODEL, {}))


def _read_model(path: Path) -> object:
    network, card = load_model(path, REGION_CLASSIFIER)
    return card, [value.numpy().tobytes() for value in network.state_dict().values()]


def _read_multibox(path: Path) -> object:
    network, card = load_model(path, MULTIBOX)
    return card, [value.numpy().tobytes() for value in network.state_dict().values()]


def _read_svms(path: Path) -> object:
    read = load_fitted(path, LINEAR_SVMS, MODEL, FEATURES)
    return (
        read.classes,
        read.recipe,
        {k: np.copy(v).tobytes() for k, v in vars(read.parameters).items()},
    )


def _read_regression(path: Path) -> object:
    read = load_fitted(path, BOX_REGRESSION, MODEL, FEATURES)
    return (
        read.classes,
        read.recipe,
        {k: np.copy(v).tobytes() for k, v in vars(read.parameters).items()},
    )


Read = Callable[[Path], object]
FORMS: dict[str, tuple[Callable[[Path], None], Read]] = {
    "region-classifier": (lambda path: save_model(path, *networks.network()), _read_model),
    "multibox": (lambda path: save_model(path, *networks.multibox()), _read_multibox),
    "svms": (_svms, _read_svms),
    "regression": (_regression, _read_regression),
}


@pytest.fixture(params=FORMS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Read]:
    write, read = FORMS[request.param]
    write(tmp_path / "m.safetensors")
    (tmp_path / "m.json").unlink(missing_ok=True)
    return tmp_path / "m.safetensors", read


def _bytes_changed(content: bytes, draw: random.Random) -> bytes:
    header = 8 + int.from_bytes(content[:8], "little")
    at = draw.choice([draw.randrange(8), draw.randrange(header), draw.randrange(len(content))])
    match draw.randrange(4):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + content[at + draw.randrange(1, 9) :]
        case 2:
            return content[:at] + draw.randbytes(draw.randrange(1, 9)) + content[at:]
        case _:
            flipped = bytes([content[at] ^ (1 << draw.randrange(8))])
            return content[:at] + flipped + content[at + 1 :]


def test_damaged_bytes_are_said_or_change_nothing(stored: tuple[Path, Read]) -> None:
    path, read = stored
    content, expected, said = path.read_bytes(), read(path), 0
    for seed in range(60):
        path.write_bytes(_bytes_changed(content, random.Random(seed)))
        try:
            assert read(path) == expected, seed
        except DataError:
            said += 1
    assert said > 50


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every table or list in `value` with each of its keys."""
    for key, inner in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)


def _changed(value: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return `value` with another value, a key more or a key less somewhere."""
    changed: dict[str, Any] = json.loads(json.dumps(value))
    place, key = draw.choice([*_places(changed)])
    match draw.randrange(4):
        case 0:
            del place[key]
        case 1 if isinstance(place, dict):
            place[draw.choice(["x", "", "__metadata__", "format"])] = draw.choice(ODD)
        case _:
            place[key] = draw.choice(ODD)
    return changed


def test_odd_cards_are_refused_or_understood(stored: tuple[Path, Read]) -> None:
    path, read = stored
    with opened_tensors(path) as file:
        card = dict(file.card or {})
    content = safetensors.torch.save(safetensors.torch.load(path.read_bytes()))
    said = 0
    for seed in range(70):
        try:
            write_tensors(path, _changed(card, random.Random(seed)), content)
        except UnicodeEncodeError:  # No file holds it.
            continue
        try:
            read(path)
        except DataError:
            said += 1
    assert said > 25


def test_odd_headers_are_refused_or_change_nothing(stored: tuple[Path, Read]) -> None:
    path, read = stored
    content, expected, said = path.read_bytes(), read(path), 0
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    for seed in range(70):
        text = json.dumps(_changed(header, random.Random(seed))).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])
        try:
            assert read(path) == expected, seed
        except DataError:
            said += 1
    assert said > 60


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}},
        {"a": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4]}},
        {"a": {"dtype": "F32", "shape": [10**18] * 100_000, "data_offsets": [0, 4]}},
        {"a": {"dtype": "F4", "shape": [1], "data_offsets": [0, 4]}},
        {"a": 5},
        {},
    ],
)
def test_headers_that_declare_what_is_not_there(tmp_path: Path, header: dict[str, Any]) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(DataError, match=r"not a complete \.safetensors file"):
        _read_svms(path)


def test_names_that_are_there_twice(tmp_path: Path) -> None:
    entry = '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    text = f"{{{entry},{entry}}}".encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(DataError, match="the key 'a' is there twice"):
        _read_svms(path)


def test_svms_of_other_features_or_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    _svms(path)
    expected = r"tensor weights: expected \[6, 2\] float64, got \[5, 2\] float64"
    with pytest.raises(DataError, match=expected):
        load_fitted(path, LINEAR_SVMS, MODEL, 6)
    numbers = np.full((FEATURES, 2), np.nan), np.zeros(2), np.array([7, 1]), np.array([9, 3])
    save_fitted(path, LINEAR_SVMS, Fitted(LinearSvms(0.3, *numbers), ("cat", "dog"), MODEL, {}))
    with pytest.raises(DataError, match="tensor weights: expected finite numbers"):
        _read_svms(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": "no JSON"},
        {"classes": "[" * 3000},
        {"classes": "5"},
        {"recipe": "[]"},
        {"model": None},
    ],
)
def test_files_of_format_1_that_say_something_else(
    tmp_path: Path, changes: dict[str, str | None]
) -> None:
    path = tmp_path / "m.safetensors"
    _svms(path)
    tensors = safetensors.torch.load(path.read_bytes())
    texts = {"kind": "linear-svms", "model": MODEL, "classes": '["cat", "dog"]', **changes}
    metadata = {name: text for name, text in texts.items() if text is not None}
    path.write_bytes(safetensors.torch.save(tensors, metadata))
    with pytest.raises(DataError, match=r"m\.safetensors.*Expected what detect train-svm wrote"):
        _read_svms(path)
