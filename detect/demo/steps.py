"""What the demo runs: a recipe for a small GoogLeNet and the stages of the pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect.demo.command_line import command_line
from detect.demo.options import DemoOptions
from detect.progress import Reporter
from detect.stages import (
    EvaluateOptions,
    ProposeOptions,
    RecallOptions,
    RunOptions,
    TrainClassifierOptions,
    VisualizeOptions,
    evaluate,
    propose,
    recall,
    run,
    train_classifier,
    visualize,
)
from detect.stages.options import Options

NOTICE = "A demonstration, not a benchmark: composed scenes are easier than photographs."

# Half as wide as the paper's network and for crops of 56 px, so that three minutes are enough.
# All figures our choice, tried on these scenes.
RECIPE = """\
# The demo's GoogLeNet, small and from scratch: a minute and a half on two cores; with 300 steps
# mAP 0.87 on the test scenes (voc2012, IoU 0.5).

[model]
variant = "bn"
width = 0.5
input_size = 56
dropout = 0.1

[sampling]
batch_size = 64
foreground_fraction = 0.25
class_balance = true

[augment]
photometric = false
random_interpolation = false

[optimizer]
steps = 300
learning_rate = 0.02
schedule = "cosine"
warmup_steps = 20
averaging = 0.97

[run]
validate_every = 40
"""


@dataclass(frozen=True)
class Step:
    """A step of the demo: what it does, the `stage` that does it, what that is told."""

    title: str
    stage: Callable[[Any, Reporter], Any]
    options: Options

    @property
    def line(self) -> str:
        """Return the command that does the same, as one would type it."""
        return command_line(self.options)


def pipeline_steps(out: Path, options: DemoOptions) -> list[Step]:
    """Return the steps that follow the scenes, in the folder `out`."""
    again = {name: True for name in ("resume", "exist_ok") if getattr(options, name)}
    test = {"data": out / "data", "split": "test"}
    detections = {**test, "detections": out / "found/detections.json"}
    return [
        *(_propose(out, split, again) for split in ("train", "test")),
        _train(out, options, again),
        _detect(out, options.device, again),
        Step(
            "Score the detections",
            evaluate,
            EvaluateOptions(**detections, json=out / "map.json"),
        ),
        Step(
            "Score the regions",
            recall,
            RecallOptions(**test, proposals=_regions(out, "test"), json=out / "recall.json"),
        ),
        Step(
            "Draw the detections",
            visualize,
            VisualizeOptions(**detections, out=out / "pictures", **again),
        ),
    ]


def _regions(out: Path, split: str) -> Path:
    return out / f"{split}.parquet"


def _propose(out: Path, split: str, again: Mapping[str, bool]) -> Step:
    """Propose with half the boxes of the default on scenes as wide as they are: for speed."""
    stage_options = ProposeOptions(
        data=out / "data",
        split=split,
        preset="googlenet",
        width=320,
        out=_regions(out, split),
        **again,
    )
    return Step(f"Propose regions in the {split} scenes", propose, stage_options)


def _train(out: Path, options: DemoOptions, again: Mapping[str, bool]) -> Step:
    stage_options = TrainClassifierOptions(
        data=out / "data",
        split="train",
        proposals=_regions(out, "train"),
        config=out / "demo.toml",
        set=f"optimizer.steps={options.steps}",
        device=options.device,
        out=out / "model",
        **again,
    )
    return Step("Train GoogLeNet to tell objects from background", train_classifier, stage_options)


def _detect(out: Path, device: str, again: Mapping[str, bool]) -> Step:
    stage_options = RunOptions(
        images=out / "data",
        split="test",
        model=out / "model",
        proposals=_regions(out, "test"),
        pictures=False,
        device=device,
        out=out / "found",
        **again,
    )
    return Step("Detect objects in the test scenes", run, stage_options)
