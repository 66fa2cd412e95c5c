"""A detector's folder of tiny networks."""

from pathlib import Path
from typing import Any

from builders import CLASSES
from networks import moving_network

from detect.ensemble.combination import Combination
from detect.models.checkpoints import save_model
from detect.models.model_files import model_hash
from detect.stages.detector_folder import (
    DetectorCard,
    Looks,
    Part,
    selection_of,
    write_card,
)
from detect.stages.train.work import Work

THRESHOLDS = dict(zip(CLASSES, (0.2, 0.3, 0.4), strict=True))
FIGURES = {"AP50": 0.5, "AP": 0.25, "images": 3, "of": "held-out images"}
STEPS: dict[str, Any] = {
    "plan": {
        "multibox_steps": 50, "multibox_again": 25, "classifier_steps": 400, "again": 200,
    },
    "pace": {"multibox_step": 0.5, "classifier_step": 0.25, "search": 1.0, "region": 0.001},
    "source": {
        "covered": {
            "multibox": {"boxes": 200.0, "0.50": 0.91, "0.70": 0.72},
            "both": {"boxes": 900.0, "0.50": 0.99, "0.70": 0.88},
            "selective-search": {"boxes": 1800.0, "0.50": 0.98, "0.70": 0.87},
        },
        "dear": ["selective-search"],
        "chosen": "both",
    },
    "regions": {
        "tried": {
            "multibox": {"AP50": 0.4, "AP": 0.1},
            "both": {"AP50": 0.4, "AP": 0.2},
        },
        "chosen": "both",
    },
    "selection": {
        "tried": {
            "once/nms": {"AP50": 0.4, "AP": 0.2},
            "mirror/nms-vote": {"AP50": 0.5, "AP": 0.25},
        },
        "looks": "mirror",
        "selection": "nms-vote",
    },
    "thresholds": THRESHOLDS,
}  # fmt: skip


def write_detector(path: Path, networks: int = 2, **changes: Any) -> Path:
    """Write a detector of Selective Search and so many `networks`, with `changes` in its card."""
    parts = []
    for number in range(1, networks + 1):
        file = path / "networks" / f"{number}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
        save_model(file, *moving_network(number))
        parts.append(Part(f"networks/{file.name}", model_hash(file)))
    values = {
        "classes": CLASSES,
        "networks": tuple(parts),
        "multibox": (),
        "method": "selective-search",
        "preset": "googlenet",
        "search": "own",
        "seed": 3,
        "looks": Looks(mirror=True, rounds=1, again=100),
        "selection": selection_of(Combination(vote=0.5, nms=0.4)),
        "thresholds": THRESHOLDS,
        "figures": FIGURES,
    }
    write_card(path, DetectorCard(**{**values, **changes}))
    work = Work(path / "work", {"data": "set", "minutes": 30.0, "set": []}, resume=False)
    for name, result in STEPS.items():
        work.step(name, lambda result=result: result)
    work.copy_record(path / "choices.json")
    return path
