"""What a stored image classifier says about itself."""

from dataclasses import dataclass
from typing import ClassVar

from detect.models.card import Card, Checks, ModelCard


@dataclass(frozen=True, kw_only=True)
class ClassifierCard(Card):
    """Everything besides weights that is needed to classify images.

    `classes` names in the order of its outputs. The other fields are Card's.
    """

    classes: tuple[str, ...]

    CHECKS: ClassVar[Checks] = {**Card.CHECKS, "classes": ModelCard.CHECKS["classes"]}
