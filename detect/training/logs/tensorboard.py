"""Figures for TensorBoard, in the folder tensorboard/ of a run: `tensorboard --logdir RUNS`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from detect.callbacks import Figures
from detect.training.logs.values import flat

FOLDER = "tensorboard"


class TensorBoard:
    """Writes scalars train/NAME and validation/NAME, and the recipe as text.

    A resumed training writes on; what a killed one wrote of steps that are done again is hidden.
    """

    _writer: Any = None

    def start(self, run: Path, recipe: Mapping[str, Any], step: int) -> None:
        """Open the log of the run."""
        again = step + 1 if step else None
        self._writer = SummaryWriter(str(run / FOLDER), purge_step=again)
        if not step:
            self._writer.add_text("recipe", _indented(recipe))

    def step(self, step: int, figures: Figures) -> None:
        """Write the losses and the learning rate."""
        self._write("train", step, figures)

    def validated(self, step: int, figures: Figures) -> None:
        """Write what the model scores."""
        self._write("validation", step, figures)

    def end(self, step: int, finished: bool) -> None:
        """Close the log."""
        self._writer.close()

    def _write(self, group: str, step: int, figures: Figures) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)
        # At once: what a killed training had told must be there when it goes on behind it.
        self._writer.flush()


def _indented(recipe: Mapping[str, Any]) -> str:
    """Return `recipe` as the block of code that TensorBoard's Markdown shows as it is."""
    lines = (f"    {name} = {value}" for name, value in flat(recipe).items())
    return "\n".join(lines)
