"""One picture in one call, of whatever was found in an image."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from detect.errors import UsageError, option
from detect.images import as_image
from detect.structures import SHOWN, Annotations, Detections, Image, Proposals
from detect.visualize.coverage import draw_coverage
from detect.visualize.pictures import draw_detections, draw_proposals


def draw(
    image: Image | Path | str,
    found: Detections | Proposals,
    truth: Annotations | None = None,
    threshold: float | None = None,
) -> Image:
    """Draw `found` on a copy of `image`, pixels (H, W, 3) or a path -> picture (H', W', 3) uint8.

    Of detections those that score `threshold` or more, by default those that `above` returns. With
    `truth`, whose labels are those of the detections: which are right, wrong, duplicate, missed, or
    what the proposals cover.
    UsageError for an `image` or a `found` that is none, DataError for an image that cannot be read.
    """
    if not isinstance(found, Detections | Proposals):
        kind = type(found).__name__
        raise UsageError(f"{option('found')}: expected Detections or Proposals, got {kind}.")
    pixels = as_image(image, "image")
    if isinstance(found, Detections):
        names = _classes(found, truth)
        return draw_detections(pixels, found, names, truth, _shown(found, names, threshold))
    if truth is None:
        return draw_proposals(pixels, found)
    return draw_coverage(pixels, found, truth)


def _shown(
    found: Detections, names: Sequence[str], threshold: float | None
) -> float | Mapping[str, float]:
    if threshold is not None:
        return threshold
    return dict(zip(names, found.thresholds, strict=True)) if found.thresholds else SHOWN


def _classes(detections: Detections, truth: Annotations | None) -> tuple[str, ...]:
    """Return the names of all labels; "class N" where they are not known."""
    highest = max(int(one.labels.max(initial=-1)) for one in (detections, truth) if one is not None)
    return detections.classes or tuple(f"class {number}" for number in range(highest + 1))
