"""The best and the worst images of a run, and their pictures."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from detect.boxes import Doubles
from detect.data import read_pixels
from detect.evaluation import voc
from detect.evaluation.flat import FlatDetections, flatten_truth
from detect.report.looks import DPI, WIDTH
from detect.structures import Dataset, Detections, Image, IntArray
from detect.visualize import draw_detections, write_picture

PAGE_WIDTH = 1072  # px, of what is inside the page's margins
# Longer side of a picture inside the page, px.
_LONGEST = 1280


@dataclass(frozen=True, eq=False)
class ImageVerdicts:
    """What became of each of I images at one score threshold.

    `right`, `wrong`, `missed` (I,) count detections and objects by VOC's rule; `score` (I,) is
    the F-score 2 right / (2 right + wrong + missed), NaN where there is nothing to judge.
    """

    right: IntArray
    wrong: IntArray
    missed: IntArray

    @property
    def score(self) -> Doubles:
        """Return the F-score of each image (I,)."""
        total = 2 * self.right + self.wrong + self.missed
        return np.where(total > 0, 2 * self.right / np.maximum(total, 1), np.nan)


def score_images(
    dataset: Dataset, detections: FlatDetections, threshold: float = 0.5, iou: float = 0.5
) -> ImageVerdicts:
    """Judge the detections that score `threshold` or more, image by image."""
    truth = flatten_truth(dataset)
    ranked = detections.take(np.argsort(-detections.scores, kind="stable"))
    ranked = ranked.take(np.flatnonzero(ranked.scores >= threshold))
    outcome = voc.judge(truth, ranked, len(dataset.classes), iou)
    wrong = ~outcome.hits & ~outcome.ignored
    counted = ~truth.difficult & ~truth.crowd
    right = np.bincount(ranked.images[outcome.hits], minlength=len(dataset))
    positives = np.bincount(truth.images[counted], minlength=len(dataset))
    return ImageVerdicts(
        right, np.bincount(ranked.images[wrong], minlength=len(dataset)), positives - right
    )


def best_and_worst(scores: ImageVerdicts, most: int) -> tuple[list[int], list[int]]:
    """Return the places of at most `most` best and worst images each; none is in both.

    By the F-score; of equal ones the image with more in it: best with more right, worst with
    more wrong and missed. Then the order of the split. Half of the images at most are "worst".
    """
    judged = np.flatnonzero(~np.isnan(scores.score))
    score, right = scores.score[judged], scores.right[judged]
    mistakes = (scores.wrong + scores.missed)[judged]
    worst = judged[np.lexsort((-mistakes, score))][: min(most, len(judged) // 2)].tolist()
    order = judged[np.lexsort((-right, -score))].tolist()
    best = [place for place in order if place not in worst][:most]
    return best, worst


def draw_images(
    dataset: Dataset,
    detections: FlatDetections,
    places: Sequence[int],
    out: Path,
    name: str,
    threshold: float = 0.5,
) -> list[tuple[int, str]]:
    """Draw the images `places` judged, to `out`/NAME-1.png, ...; return place and data URL of each.

    DataError for one that cannot be read.
    """
    drawn: list[tuple[int, str]] = []
    for place in places:
        picture = _draw_judged(dataset, detections, place, threshold)
        write_picture(out / f"{name}-{len(drawn) + 1}.png", picture)
        drawn.append((place, jpeg_url(picture)))
    return drawn


def _draw_judged(
    dataset: Dataset, detections: FlatDetections, place: int, threshold: float
) -> Image:
    """Return the picture of one image."""
    sample = dataset.samples[place]
    flat = detections.take(np.flatnonzero(detections.images == place))
    image_detections = Detections(
        sample.image_id, flat.boxes.astype(np.float32), flat.labels, flat.scores
    )
    return draw_detections(
        read_pixels(sample), image_detections, dataset.classes, sample.annotations, threshold
    )


def jpeg_url(picture: Image) -> str:
    """Return `picture` as a data URL, JPEG, its longer side at most 1280 px."""
    scaled = PILImage.fromarray(picture)
    scaled.thumbnail((_LONGEST, _LONGEST))
    stream = io.BytesIO()
    scaled.save(stream, format="JPEG", quality=88, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def embedded_plot(path: Path) -> dict[str, Any]:
    """Return "url", the PNG at `path` as a data URL, and "width", px on the page.

    All plots are drawn at one resolution, so that text has one size in all of them.
    """
    with PILImage.open(path) as plot:
        width = round(plot.width * PAGE_WIDTH / (WIDTH * DPI))
    url = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    return {"url": url, "width": width}
