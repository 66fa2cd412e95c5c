"""What `check` is told, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from detect.checks.findings import KINDS, Finding
from detect.errors import option
from detect.stages import options as o


class CheckOptions(o.Options):
    """What `check` is told."""

    data: Path = Field(description="A data set, or a folder of images.")
    split: o.Split = Field(
        None, description="A split's name, or a text file of ids. [default: all]"
    )
    detections: Path | None = Field(
        None,
        description="A folder that detect run wrote, or COCO results JSON, of one split that was "
        "not trained on: tells the labels that they contradict.",
    )
    model: o.Paths = Field(
        (),
        description=f"Instead of {option('detections')}: a detector of detect train, or what else "
        "detect run takes, which detects in the images first.",
    )
    confident: float = Field(
        o.CONFIDENT,
        description="Score from which a detection contradicts a label.",
    )
    out: Path | None = Field(
        None, description="Folder for index.html, with pictures of the oddest, and check.json."
    )
    json: Path | None = Field(None, description="Write all findings.")
    pictures: int = Field(4, ge=0, description="Most pictures of each kind on the page.")
    device: o.Device = "auto"
    exist_ok: o.ExistOk = False


@dataclass(frozen=True)
class SplitSummary:
    """A split: `images` it lists, the `objects` in them, and what `skip_bad` would leave out."""

    images: int
    objects: int
    left_out: int


@dataclass(frozen=True)
class CheckResult:
    """What is wrong or odd, the worst kinds first, and in each the oddest first.

    `splits` by name; `objects` by class and split; `images` are all that are listed, those of
    several splits once; `page` is index.html where one was asked for.
    """

    splits: Mapping[str, SplitSummary]
    objects: Mapping[str, Mapping[str, int]]
    images: int
    findings: tuple[Finding, ...]
    page: Path | None = None

    @property
    def stops(self) -> bool:
        """Whether something would stop training, or another command on one of the splits."""
        return any(finding.level == "error" for finding in self.findings)

    def by_kind(self) -> dict[str, list[Finding]]:
        """Return the findings of each kind that there is, in the order of KINDS."""
        grouped = {kind: [one for one in self.findings if one.kind == kind] for kind in KINDS}
        return {kind: found for kind, found in grouped.items() if found}
