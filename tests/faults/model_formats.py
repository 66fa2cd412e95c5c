"""The formats of what is trained: networks, what is fitted to them, and states to go on from."""

import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import networks
import numpy as np
import safetensors.torch
import torch
from faults.damages import odd_json, one_of, places
from faults.fuzzing import Format, Random
from fitting import make

from detect.ensemble.combination import Combination
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import (
    Fitted,
    load_fitted,
    load_model,
    save_fitted,
    save_model,
)
from detect.models.exported.files import Exported, read_exported, write_exported
from detect.models.exported.metadata import card_in, metadata_of
from detect.models.kinds import BOX_REGRESSION, LINEAR_SVMS, MULTIBOX, REGION_CLASSIFIER, Kind
from detect.models.model_files import model_hash
from detect.models.svm import LinearSvms
from detect.models.tensor_files import opened_tensors, write_tensors
from detect.reading import read_object
from detect.stages.detector_folder import NAME as DETECTOR
from detect.stages.detector_folder import (
    DetectorCard,
    Looks,
    Part,
    read_detector,
    selection_of,
    with_detector,
    write_card,
)
from detect.stages.run import RunOptions
from detect.stages.train.budget import Plan
from detect.stages.train.work import NAME as WORK
from detect.stages.train.work import Work

_FEATURES, _MODEL = 5, "0123456789abcdef"
_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**9, 10**18, float("nan"), float("inf"), "x", "x" * 5000, [], [1] * 9, {},
    {"a": {}}, torch.zeros(3), torch.full((4,), float("nan")), torch.zeros(2, dtype=torch.int8),
)  # fmt: skip


def odd_header(content: bytes, random: Random) -> bytes:
    """Make the header of a safetensors file odd."""
    start = 8 + int.from_bytes(content[:8], "little")
    new = odd_json(content[8:start], random)
    return len(new).to_bytes(8, "little") + new + content[start:]


def odd_card(content: bytes, random: Random) -> bytes:
    """Make the card in the header odd, and all that guards it fit."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "m.safetensors"
        path.write_bytes(content)
        with opened_tensors(path) as file:
            text = odd_json(json.dumps(file.card).encode(), random)
        try:
            card = json.loads(text)
            write_tensors(path, card, safetensors.torch.save(safetensors.torch.load(content)))
        except (ValueError, TypeError, RecursionError, UnicodeEncodeError):
            return content[:100]  # no file holds such a card
        return path.read_bytes()


def odd_state(content: bytes, random: Random) -> bytes:
    """Put an odd value in the place of any in a training's state, or leave it out."""
    state = torch.load(io.BytesIO(content), weights_only=True)
    holder, key = one_of(tuple(places(state)), random)
    if random.random() < 0.2:
        del holder[key]
    else:
        holder[key] = one_of(_ODD, random)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _make_svms(folder: Path) -> Path:
    numbers = np.ones((_FEATURES, 2)), np.zeros(2), np.array([7, 1]), np.array([9, 3])
    fitted = Fitted(LinearSvms(0.3, *numbers), ("cat", "dog"), _MODEL, {})
    return _fitted(folder, LINEAR_SVMS, fitted)


def _make_regression(folder: Path) -> Path:
    regression = BoxRegression(0.3, np.ones((2, _FEATURES + 1, 4)), np.array([7, 0]))
    return _fitted(folder, BOX_REGRESSION, Fitted(regression, ("cat", "dog"), _MODEL, {}))


def _fitted(folder: Path, kind: Any, fitted: Any) -> Path:
    save_fitted(folder / "f.safetensors", kind, fitted)
    return folder / "f.safetensors"


def _make_network(folder: Path, network: Any, card: Any) -> Path:
    save_model(folder / "m.safetensors", network, card)
    (folder / "m.json").unlink()  # a copy of what is in the header
    return folder / "m.safetensors"


def _read_network(path: Path, kind: Kind[Any, Any]) -> None:
    load_model(path, kind)


def _make_state(folder: Path) -> Path:
    make(folder).run()
    return folder / "state.pt"


def _make_detector(folder: Path) -> Path:
    (folder / "networks").mkdir()
    model, card = networks.network()
    path = folder / "networks" / "1.safetensors"
    save_model(path, model, card)
    detector = DetectorCard(
        classes=card.classes,
        networks=(Part("networks/1.safetensors", model_hash(path)),),
        multibox=(),
        method="selective-search",
        preset="rcnn",
        search="own",
        seed=0,
        looks=Looks(mirror=False, rounds=1, again=100),
        selection=selection_of(Combination()),
        thresholds=dict.fromkeys(card.classes, 0.5),
        figures={"AP50": 0.5, "AP": 0.2, "images": 3, "of": "held-out images"},
    )
    write_card(folder, detector)
    return folder / DETECTOR


def _read_detector(path: Path) -> None:
    options = RunOptions(images=path, model=path.parent, out=path.parent / "out")
    with_detector(options, read_detector(path.parent))


def _make_work(folder: Path) -> Path:
    work = Work(folder / "work", {"minutes": 30.0}, resume=False)
    work.step("plan", Plan(300, 150, 500, 250).values)
    return folder / "work" / WORK


def _read_work(path: Path) -> None:
    work = Work(path.parent, {"minutes": 30.0}, resume=True)
    Plan.of(work.step("plan", lambda: {}))
    _ = work.seconds, work.choices


def _make_exported(folder: Path) -> Path:
    write_exported(folder / "m.xml", Exported("openvino", b"<net>", bytes(range(40))))
    return folder / "m.xml"


def _make_metadata(folder: Path) -> Path:
    told = metadata_of(networks.moving_network()[1], _MODEL)
    path = folder / "metadata.json"
    path.write_text(json.dumps({name: json.loads(value) for name, value in told.items()}))
    return path


def _read_metadata(path: Path) -> None:
    told = read_object(path, "metadata")
    card_in({name: json.dumps(value) for name, value in told.items()}, REGION_CLASSIFIER, path)


MODELS = {
    "exported network": Format(_make_exported, read_exported),
    "exported network's card": Format(_make_metadata, _read_metadata, (odd_json, odd_json)),
    "detector's card": Format(_make_detector, _read_detector, (odd_json,) * 3),
    "record of a detector's training": Format(_make_work, _read_work, (odd_json,) * 3),
    "region classifier": Format(
        lambda folder: _make_network(folder, *networks.network()),
        lambda path: _read_network(path, REGION_CLASSIFIER),
        (odd_header, odd_card, odd_card),
    ),
    "MultiBox": Format(
        lambda folder: _make_network(folder, *networks.multibox()),
        lambda path: _read_network(path, MULTIBOX),
        (odd_header, odd_card, odd_card),
    ),
    "SVMs": Format(
        _make_svms,
        lambda path: load_fitted(path, LINEAR_SVMS, _MODEL, _FEATURES),
        (odd_header, odd_card, odd_card),
    ),
    "box regression": Format(
        _make_regression,
        lambda path: load_fitted(path, BOX_REGRESSION, _MODEL, _FEATURES),
        (odd_header, odd_card, odd_card),
    ),
    "training's state": Format(
        _make_state, lambda path: make(path.parent).resume(), (odd_state,) * 4
    ),
}
