"""What the page says of confusions, scores and labels in doubt, as rows and texts."""

from typing import Any

from detect.checks.findings import plural
from detect.errors import as_flags
from detect.evaluation.calibration import Reliability
from detect.report.checked_pictures import picture_url
from detect.report.diagnosis import Diagnosis

_CONFUSIONS = 20  # of all pairs of classes
_REASONS = {
    "doubt-unlabelled": "nothing is labelled there",
    "doubt-class": "its label may be of the wrong class",
}


def diagnosis_values(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return what the template needs of `diagnosis` besides plots and labels."""
    found = diagnosis.calibration
    return {
        "confusions": diagnosis.confusions()[:_CONFUSIONS],
        "reliability": [] if found is None else _bins(found),
        "bins": 0 if found is None else len(found.counts),
    }


def doubt_values(diagnosis: Diagnosis, drawn: int) -> dict[str, Any]:
    """Return pictures and captions, with the reason, of the first `drawn` labels, and the rest.

    Without a picture where the image cannot be read.
    """
    said = [f"{as_flags(doubt.marked)}: {_REASONS[doubt.kind]}" for doubt in diagnosis.doubts]
    pictures = [picture_url(doubt) for doubt in diagnosis.doubts[:drawn]]
    return {
        "doubts": plural(len(said), "label") if said else "",
        "doubts_drawn": list(zip(pictures, said, strict=False)),
        "doubts_more": said[drawn:],
        "confident": f"{diagnosis.confident:g}",
    }


def _bins(found: Reliability) -> list[tuple[str, ...]]:
    """Return the bins that have a detection: from where to where, count, score, precision."""
    edges = found.edges
    return [
        (
            f"{edges[place]:.2f} to {edges[place + 1]:.2f}",
            f"{found.counts[place]:,}",
            f"{100 * found.confidence[place]:.1f}",
            f"{100 * found.precision[place]:.1f}",
        )
        for place in found.counts.nonzero()[0].tolist()
    ]
