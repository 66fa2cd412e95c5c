"""Proposing with stored MultiBox networks, in any process: one, or one for each fold."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from detect.data.folds import in_fold, parse_fold
from detect.errors import DataError, UsageError, option
from detect.models.cards import MultiBoxCard
from detect.models.checkpoints import kind_among, load_model
from detect.models.device import resolve_precision
from detect.models.exported.forms import form_of
from detect.models.exported.network import EngineMultiBox, load_exported_multibox
from detect.models.kinds import MULTIBOX, SHARED
from detect.models.model_files import find_weights, model_hash
from detect.models.multibox import MultiBox
from detect.models.shared import SharedNetwork
from detect.models.shared_card import SharedCard
from detect.proposals.multibox.network import ADAPTIVE, MultiBoxProposer
from detect.structures import Image, Proposals

# The kinds of models that propose.
PROPOSING = (MULTIBOX, SHARED)
# Networks for the folds of one data set are alike in these.
_ALIKE = (
    "variant", "width", "head", "until", "input_size", "slots", "views", "per_view", "nms", "boxes",
)  # fmt: skip


@dataclass(frozen=True)
class MultiBoxPropose:
    """Proposes with the networks in the weights files `models`; picklable, loads them once.

    Of several, an image is given to the one that did not see it in training (data/folds.py).
    `views`, `nms`, `per_view`, `boxes` stand for those of the cards (MultiBoxProposer);
    `precision` is "float32" or "bfloat16". `multibox_propose` makes one that is checked.
    """

    models: tuple[Path, ...]
    views: str
    nms: float
    per_view: int
    boxes: int
    precision: str = "float32"
    device: str = "cpu"

    def __call__(self, image: Image, image_id: str) -> Proposals:
        """`image` (H, W, 3) -> at most `boxes` boxes, best first, scores 0 to 1.

        One thread computes them, so that they are the same for any number of workers. Raises
        ValueError unless one of several models left the image out; errors of load_model.
        """
        proposers = self._proposers()
        if len(proposers) > 1:
            proposers = [p for p in proposers if in_fold(image_id, p.card.fold)]
        (proposer,) = proposers
        with _one_thread():
            return proposer(image, image_id)

    def recipe(self) -> dict[str, Any]:
        """Return what decides the boxes as JSON values: parameters, models' hashes, folds."""
        cards = [proposer.card for proposer in self._proposers()]
        return {
            "parameters": {
                "views": self.views,
                "nms": "adaptive" if self.nms == ADAPTIVE else self.nms,
                "per_view": self.per_view,
                "boxes": self.boxes,
                "precision": self.precision,
                "input_size": cards[0].input_size,
            },
            "models": [model_hash(path) for path in self.models],
            "folds": [card.fold for card in cards],
        }

    def _proposers(self) -> list[MultiBoxProposer]:
        # Other engines keep the number of threads that they begin with.
        with _one_thread():
            return _load(self, tuple(path.stat().st_mtime_ns for path in self.models))


@functools.lru_cache(maxsize=2)
def _load(propose: MultiBoxPropose, changed: tuple[int, ...]) -> list[MultiBoxProposer]:
    """Return a proposer a model, once a process; anew when a file has `changed`."""
    proposers = []
    for path in propose.models:
        network, card = _network(path, propose.precision)
        told = {"nms": propose.nms, "per_view": propose.per_view, "boxes": propose.boxes}
        adjusted = replace(card, **told, **_views_of(card, propose.views))
        device = torch.device(propose.device)
        proposers.append(MultiBoxProposer(network, adjusted, device, propose.precision))
    return proposers


def _network(
    path: Path, precision: str = "float32"
) -> tuple[MultiBox | SharedNetwork | EngineMultiBox, Any]:
    if form_of(path) is not None:
        return load_exported_multibox(path, precision)
    network, card = load_model(path, kind_among(path, PROPOSING))
    return network, card


def _views_of(card: MultiBoxCard | SharedCard, views: str) -> dict[str, str]:
    """Return the `views` that a copy of `card` is told: nothing of one trunk, which has one."""
    return {} if isinstance(card, SharedCard) else {"views": views}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread: two round sums differently from one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def multibox_propose(
    models: Sequence[Path],
    device: torch.device,
    *,
    views: str | None = None,
    nms: float | None = None,
    boxes: int | None = None,
    precision: str = "auto",
) -> MultiBoxPropose:
    """Return what proposes with the networks at `models` (see find_weights), checked.

    What is None is taken from the cards. A detector of one trunk is one as well, and a MultiBox
    network that was exported, which its engine computes on the CPU. Raises DataError for a path
    that is no MultiBox network, and for several that are not those of all folds of one data set;
    UsageError for views that one trunk does not have, bfloat16 of ONNX Runtime, and an exported
    network on a GPU; ValueError for no path.
    """
    # A thread that has asked keeps its number when another one, in _one_thread, sets its own.
    torch.get_num_threads()
    paths = [path if form_of(path) else find_weights(path) for path in models]
    cards = [_network(path)[1] for path in paths]
    _check_views(cards, views)
    if len(paths) > 1:
        _check_alike(dict(zip(paths, cards, strict=True)))
        _check_folds([card.fold for card in cards])
    order = sorted(range(len(paths)), key=lambda place: cards[place].fold)
    card, *_ = cards
    return MultiBoxPropose(
        models=tuple(paths[place] for place in order),
        views=card.views if views is None else views,
        nms=card.nms if nms is None else nms,
        per_view=card.per_view,
        boxes=card.boxes if boxes is None else boxes,
        precision=_precision(paths, device, precision),
        device=str(device),
    )


def _precision(paths: Sequence[Path], device: torch.device, precision: str) -> str:
    """Return "float32" or "bfloat16"; UsageError for what an exported file's engine cannot do."""
    exported = [path for path in paths if form_of(path) is not None]
    if exported and device.type != "cpu":
        raise UsageError(
            f"{option('device', device)}: {exported[0]} was exported, and its engine computes on "
            f"the CPU. Give {option('device', 'cpu')}, or the run that was exported."
        )
    if not any(form_of(path) == "onnx" for path in exported):
        return resolve_precision(device, precision)
    if precision == "bfloat16":
        raise UsageError(
            f"{option('precision', precision)}: onnxruntime computes {exported[0]} in float32. "
            f"Leave it out, or export that for {option('to', 'openvino')}."
        )
    return "float32"


def _check_views(cards: Sequence[MultiBoxCard | SharedCard], views: str | None) -> None:
    """Raise UsageError for `views` that a detector of one trunk does not have."""
    if views in (None, "whole") or not any(isinstance(card, SharedCard) for card in cards):
        return
    raise UsageError(
        f"{option('multibox_views', views)}: a detector of one trunk proposes from the whole image "
        "alone. Leave it out."
    )


def _check_alike(cards: Mapping[Path, MultiBoxCard | SharedCard]) -> None:
    """Raise DataError for the first setting in which two networks differ."""
    (first, first_card), *rest = cards.items()
    expected = asdict(first_card)
    for path, other_card in rest:
        got = asdict(other_card)
        for name in _ALIKE:
            if expected.get(name) != got.get(name):
                raise DataError(
                    f"{first} and {path}: {name} is {expected.get(name)!r} and {got.get(name)!r}. "
                    f"Several {option('multibox')} are networks of one recipe, each trained "
                    "without another fold."
                )


def _check_folds(folds: Sequence[str]) -> None:
    """Raise DataError unless `folds` are all N of "I/N", each once."""
    count = parse_fold(next(filter(None, folds), "1/2"))[1]
    expected = [f"{index}/{count}" for index in range(1, count + 1)]
    if sorted(folds) != sorted(expected):
        left_out = ", ".join(fold or "none" for fold in folds)
        raise DataError(
            f"{option('multibox')}: {len(folds)} networks, trained without folds {left_out}; "
            f"expected {', '.join(expected)}, each once: every image needs the one network that "
            "did not see it. Give one for each fold, or one alone."
        )
