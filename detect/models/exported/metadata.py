"""What an exported file says about itself: its model's card, a key for each of its fields.

Every value is JSON in ASCII, so that no form of file changes it: `classes` is `["cat", "dog"]`.
"""

import json
from collections.abc import Mapping

from detect.errors import DataError
from detect.formats import stamped, upgraded
from detect.models.cards import Card
from detect.models.kinds import KINDS, CardOf, Kind, Network
from detect.models.model_files import KIND_KEY
from detect.reading import parse_json, shown

MODEL_KEY = "model"  # The hash of the model that was exported (model_files.model_hash).
_HASH = "sha256"  # What files.py adds to metadata in ONNX.


def metadata_of(card: Card, model: str) -> dict[str, str]:
    """Return what the file of the network with `card` says; `model` is its hash."""
    (kind,) = (kind for kind in KINDS.values() if kind.card is type(card))
    values = stamped({KIND_KEY: kind.name, MODEL_KEY: model, **card.to_json()})
    return {name: json.dumps(value) for name, value in values.items()}


def card_in(metadata: Mapping[str, str], kind: Kind[Network, CardOf], where: object) -> CardOf:
    """Return the card that `metadata` hold; DataError if it is not of `kind`, or wrong."""
    told = {name: text for name, text in metadata.items() if name != _HASH}
    values = {name: parse_json(text, where, f"{name} in it") for name, text in told.items()}
    found = upgraded(values, "model card", where)
    found.pop(MODEL_KEY, None)
    if (name := found.pop(KIND_KEY, None)) != kind.name:
        raise DataError(
            f"{where}: expected {kind.words}, {KIND_KEY} is {shown(name)}. Give the export of one, "
            "or the run that this was made of: what is exported of one trunk is for other programs."
        )
    return kind.card.from_json(found, str(where))
