"""MultiBox networks on disk."""

from pathlib import Path

import torch

from detect.models.model_files import fill, read_model, write_model
from detect.models.multibox import MultiBox
from detect.models.multibox_card import MultiBoxCard

KIND = "multibox"


def save_multibox(path: Path, model: MultiBox, card: MultiBoxCard) -> None:
    """Write `model`, its priors included, to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.replacing.
    """
    if card.design != model.design:
        raise ValueError(f"card: {card.design}, the model has {model.design}")
    card.check_normalisation(model)
    write_model(path, KIND, card.to_json(), model)


def load_multibox(path: Path) -> tuple[MultiBox, MultiBoxCard]:
    """Read the network at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, of another kind of model, or does not belong
    to the other.
    """
    weights, values, state = read_model(path, KIND)
    card = MultiBoxCard.from_json(values, str(weights.with_suffix(".json")))
    with torch.device("meta"):  # No random draw: the generator's state is the caller's.
        model = MultiBox(card.design, torch.empty(card.slots, 4))
    fill(model, state, weights)
    return model.eval(), card
