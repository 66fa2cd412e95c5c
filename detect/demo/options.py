"""What `demo` is told, and what it returns."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.evaluation.figures import ProtocolScore, RecallScores
from detect.stages import options as o


class DemoOptions(o.Options):
    """What `demo` is told."""

    out: Path | None = Field(None, description="Folder for everything. [default: runs/demo/scenes]")
    scenes: int = Field(120, ge=12, description="To train on; a third as many to test on.")
    steps: int = Field(300, ge=1, description="Of training.")
    device: o.Device = "auto"
    resume: o.Resume = False
    exist_ok: o.ExistOk = False


@dataclass(frozen=True)
class DemoResult:
    """The `page`, the `seconds` that everything took, and the figures of the test scenes.

    `score` is that of the detections by VOC 2012, `recall` that of the regions.
    """

    page: Path
    seconds: float
    score: ProtocolScore
    recall: RecallScores
