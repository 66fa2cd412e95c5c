"""What a training loop is given to train."""

from typing import Protocol

from torch import Tensor, nn

from detect.training.distributed import Processes

Batch = tuple[Tensor, ...]


class Task(Protocol):
    """What is trained: where batches come from, what is minimised, what is validated."""

    def batch(self, step: int, processes: Processes) -> Batch:
        """Return this process's rows of the tensors of `step`, samples first; thread-safe."""

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Return named scalar losses, means over the batch; "loss" is the one minimised."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Return named figures, the first the one to maximise; empty without validation data."""

    def save(self, model: nn.Module, name: str, figures: dict[str, float]) -> None:
        """Write the model `name` ("best" or "last") with its figures."""
