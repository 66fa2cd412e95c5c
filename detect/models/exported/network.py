"""Networks that another engine computes, in the place of those in PyTorch."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from detect.models.cards import MultiBoxCard, RegionClassifierCard
from detect.models.checkpoints import load_model
from detect.models.exported.engines import Engine, start_engine
from detect.models.exported.exporting import export_network
from detect.models.exported.files import read_exported
from detect.models.exported.forms import ENGINES, EngineName
from detect.models.exported.inputs import CROPS
from detect.models.exported.metadata import MODEL_KEY, card_in
from detect.models.kinds import MULTIBOX, REGION_CLASSIFIER
from detect.models.model_files import model_hash
from detect.models.region_classifier import Outputs
from detect.reading import parse_json


class EngineNetwork:
    """Answers as a RegionClassifier of `num_classes` does, by `engine`."""

    def __init__(self, engine: Engine, num_classes: int) -> None:
        self._engine, self.num_classes = engine, num_classes

    def __call__(self, crops: Tensor) -> Tensor | Outputs:
        """`crops` (N, 3, S, S) RGB, uint8 -> what RegionClassifier's `forward` returns."""
        found = self._engine({CROPS: np.ascontiguousarray(crops.numpy())})
        logits, *deltas = map(torch.from_numpy, found)
        return Outputs(logits, *deltas) if deltas else logits


class EngineMultiBox:
    """Proposes as a MultiBox network does, by `engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """`crops` (N, 3, S, S) RGB, uint8 -> boxes (N, K, 4), fractions, and scores (N, K)."""
        boxes, scores = self._engine({CROPS: np.ascontiguousarray(crops.numpy())})
        return torch.from_numpy(boxes), torch.from_numpy(scores)


def load_exported(
    path: Path, engine: EngineName, precision: str
) -> tuple[EngineNetwork, RegionClassifierCard]:
    """Read the region classifier in the exported file `path` for `engine`, and its card.

    DataError for a file that is missing, damaged, or of another kind of network.
    """
    started = start_engine(engine, read_exported(path), path, precision)
    card = card_in(started.metadata, REGION_CLASSIFIER, path)
    return EngineNetwork(started, len(card.classes)), card


def load_exported_multibox(path: Path, precision: str) -> tuple[EngineMultiBox, MultiBoxCard]:
    """Read the MultiBox network in the exported file `path` for the engine of its form.

    Errors as load_exported.
    """
    exported = read_exported(path)
    started = start_engine(ENGINES[exported.form], exported, path, precision)
    return EngineMultiBox(started), card_in(started.metadata, MULTIBOX, path)


def exported_hashes(path: Path) -> tuple[str, str]:
    """Return the hashes of the exported MultiBox at `path` and of the network that it was made of.

    Errors as load_exported.
    """
    exported = read_exported(path)
    metadata = start_engine(ENGINES[exported.form], exported, path).metadata
    card_in(metadata, MULTIBOX, path)
    return model_hash(path), str(parse_json(metadata[MODEL_KEY], path, f"{MODEL_KEY} in it"))


def load_converted(
    path: Path, engine: EngineName, precision: str
) -> tuple[EngineNetwork, RegionClassifierCard]:
    """Export the region classifier at `path` (see find_weights) in memory, for `engine`.

    Raises what load_model and export_network do.
    """
    network, card = load_model(path, REGION_CLASSIFIER)
    (form,) = (form for form, name in ENGINES.items() if name == engine)
    exported, _ = export_network(network, card, model_hash(path), form)
    return EngineNetwork(start_engine(engine, exported, path, precision), network.num_classes), card
