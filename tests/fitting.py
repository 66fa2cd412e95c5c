"""A training that takes milliseconds: a plane is fitted."""

from pathlib import Path

import torch
from torch import Tensor, nn

from detect.config import PretrainRecipe
from detect.runs import RunFolder
from detect.training.call import Call
from detect.training.distributed import Processes
from detect.training.loop import Trainer

STEPS = 6


class Plane:
    """Fit y = Wx."""

    def batch(self, step: int, processes: Processes) -> tuple[Tensor, ...]:
        x = torch.randn(8, 3, 1, 1, generator=torch.Generator().manual_seed(step))
        return x, x.sum(dim=1).flatten()

    def losses(self, model: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        return {"loss": ((model(batch[0]).flatten() - batch[1]) ** 2).mean()}

    def validate(self, model: nn.Module) -> dict[str, float]:
        return {"score": 0.5}

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Keep nothing: the state is what is looked at."""


def make(
    folder: Path, algorithm: str = "sgd", momentum: float = 0.9, steps: int = STEPS
) -> Trainer:
    torch.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)
    optimizer = {"steps": steps, "algorithm": algorithm, "momentum": momentum}
    run = {"validate_every": 2, "save_every": 3, "precision": "float32"}
    recipe = PretrainRecipe.model_validate({"optimizer": optimizer, "run": run})
    call = Call(RunFolder(folder), torch.device("cpu"))
    return Trainer(nn.Sequential(*layers), Plane(), recipe, 10.0, call)
