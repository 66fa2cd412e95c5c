"""Images as `detect check` sees them, made by hand."""

from pathlib import Path

import numpy as np

from detect.checks.findings import Finding, Seen
from detect.structures import Annotations, Sample, Size

CLASSES = ("cat", "dog", "car")


def seen(
    boxes=(),
    labels=None,
    *,
    size: Size | None = (100, 200),
    name: str = "a",
    splits: tuple[str, ...] = ("train",),
    path: Path | None = None,
    **flags,
) -> Seen:
    """Return an image with `boxes` xyxy px, cats unless `labels` say otherwise."""
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    labels = np.zeros(len(boxes), np.int64) if labels is None else np.array(labels)
    truth = Annotations(boxes, labels, **{key: np.array(value) for key, value in flags.items()})
    return Seen(Sample(name, path or Path(f"{name}.jpg"), size, truth), splits, CLASSES)


def said(findings) -> list[tuple[str, str]]:
    """Return kind and text of each finding."""
    return [(one.kind, one.text) for one in findings]


def kinds(findings: list[Finding] | object) -> list[str]:
    """Return the kind of each finding."""
    return [kind for kind, _ in said(findings)]
