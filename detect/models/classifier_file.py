"""Image classifiers on disk."""

from pathlib import Path

import torch

from detect.models.classifier_card import ClassifierCard
from detect.models.image_classifier import ImageClassifier
from detect.models.model_files import fill, read_model, write_model

KIND = "classifier"


def save_classifier(path: Path, model: ImageClassifier, card: ClassifierCard) -> None:
    """Write `model` without its auxiliary classifiers to `path` (.safetensors) and its card.

    Raises ValueError if `card` is not of this model; errors of files.replacing.
    """
    described = (card.variant, card.width, len(card.classes))
    actual = (model.network.variant, model.network.width, model.num_classes)
    if described != actual:
        raise ValueError(f"card: (variant, width, classes) {described}, the model has {actual}")
    card.check_normalisation(model)
    write_model(path, KIND, card.to_json(), model)


def load_classifier(path: Path) -> tuple[ImageClassifier, ClassifierCard]:
    """Read the classifier at `path` (see find_weights) on the CPU, ready to evaluate.

    Raises DataError if a file is missing, truncated, of another kind of model, or does not belong
    to the other.
    """
    weights, values, state = read_model(path, KIND)
    card = ClassifierCard.from_json(values, str(weights.with_suffix(".json")))
    with torch.device("meta"):  # No random draw: the generator's state is the caller's.
        model = ImageClassifier(len(card.classes), card.variant, card.width, auxiliary=False)
    fill(model, state, weights)
    return model.eval(), card
