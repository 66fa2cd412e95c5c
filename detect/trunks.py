"""The networks that a recipe or a card may name: three GoogLeNets, and those of timm as timm/NAME.

Names alone: whether timm is installed and knows one is asked where networks are built
(detect/models/timm_networks.py), so that a recipe is read without it.
"""

import re

GOOGLENETS = ("paper", "bn", "torchvision")
EXPECTED = f"{', '.join(GOOGLENETS)} or timm/NAME"

# What a recipe's `init` says in place of a file.
IMAGENET = "imagenet"

_PREFIX = "timm/"
# A model's name as timm has it, and the tag of its weights: resnet50, resnet50.a1_in1k.
_NAME = re.compile(r"\w{1,100}(\.\w{1,100})?", re.ASCII)


def is_variant(value: object) -> bool:
    """Tell whether `value` is the name of a network."""
    return isinstance(value, str) and (value in GOOGLENETS or timm_name(value) != "")


def timm_name(variant: str) -> str:
    """Return what timm calls `variant`; "" for any other name."""
    name = variant.removeprefix(_PREFIX)
    return name if name != variant and _NAME.fullmatch(name) else ""
