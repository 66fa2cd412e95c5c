"""MultiBox learns: one image and its object, not covered by the priors, are found again."""

from pathlib import Path

import numpy as np
import pytest
import torch
from builders import write_voc

from detect.boxes import iou_matrix
from detect.config import MultiBoxRecipe
from detect.data import open_dataset
from detect.models.box_coder import BoxCoder
from detect.models.multibox import MultiBox, MultiBoxDesign
from detect.models.priors import grid_priors
from detect.runs import RunFolder
from detect.training.call import Call
from detect.training.loop import Trainer
from detect.training.multibox import MultiBoxTask
from detect.training.window_data import collect_windows

GRID = {
    "matching": "iou",
    "encoding": "centre",
    "scale": 0.1,
    "alpha": 1.0,
    "location": "smooth_l1",
    "confidence": "focal",
}


def make_recipe(head: str, objective: dict) -> MultiBoxRecipe:
    until = "4e" if head == "conv" else "5b"
    optimizer = {"steps": 50, "algorithm": "adamw", "learning_rate": 0.003, "averaging": 0.9}
    # One image again and again is no batch to normalise over: the fully connected head, which
    # has nothing else to tell places apart by, goes without.
    variant = "bn" if head == "conv" else "paper"
    model = {"variant": variant, "input_size": 64, "width": 0.25, "head": head, "until": until}
    return MultiBoxRecipe.model_validate(
        {
            "batch_size": 2,
            "model": model,
            "objective": objective,
            "windows": {"whole": 1.0},
            "augment": {"mirror": False, "photometric": False},
            "propose": {"views": "whole", "boxes": 1},
            "optimizer": {**optimizer, "schedule": "cosine"},
            "run": {"precision": "float32"},
        }
    )


def make_network(recipe: MultiBoxRecipe) -> MultiBox:
    """Return a network whose priors are too small for the object, wherever it is."""
    model, objective = recipe.model, recipe.objective
    coder = BoxCoder(objective.encoding, objective.scale)
    side = 4 if model.head == "conv" else 2
    priors = grid_priors(np.full((1, 1, 2), 0.1, np.float32), [side])
    conv = int(model.head == "conv")
    shape = (model.variant, model.width, model.head, model.until, model.input_size)
    torch.manual_seed(0)
    return MultiBox(
        MultiBoxDesign(*shape, len(priors), conv, conv, coder), torch.from_numpy(priors)
    )


@pytest.mark.parametrize(
    ("head", "objective"),
    [("fc", {}), ("fc", {"matching": "prediction"}), ("conv", GRID)],
    ids=["paper", "equation 4", "grid"],
)
def test_one_image_with_one_truth_is_learned(head: str, objective: dict, tmp_path: Path):
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 1}, seed=5, objects=1), "train")
    recipe = make_recipe(head, objective)
    network, data = make_network(recipe), collect_windows(dataset)
    assert iou_matrix(data.fractions(), network.priors.numpy()).max() < 0.5
    folder, device = RunFolder(tmp_path / "run"), torch.device("cpu")
    task = MultiBoxTask(recipe, data, folder, device, "", None)
    trainer = Trainer(network, task, recipe, 1.0, Call(folder, device))
    trainer.run()
    assert task.score(trainer.averaged.module, dataset)["coverage_70"] == 1.0
