"""The demo's page and contact sheet: figures, pictures, and the commands that made them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from detect.data import open_dataset, read_pixels
from detect.demo.steps import NOTICE, Step
from detect.demo.template import PAGE
from detect.evaluation.figures import ProtocolScore, RecallScores
from detect.files import write_text
from detect.storage.detections import read_detections
from detect.storage.proposals import ProposalFile
from detect.structures import Dataset, Detections, Image
from detect.visualize import (
    contact_sheet,
    draw_detections,
    draw_ground_truth,
    draw_proposals,
    jpeg,
    write_picture,
)

_SHEET = (2, 3)  # rows and columns of the contact sheet
_BUDGET = "500"  # boxes an image whose recall the page tells


def write_page(
    out: Path,
    steps: Sequence[Step],
    seconds: Sequence[float],
    score: ProtocolScore,
    recall: RecallScores,
) -> Path:
    """Write sheet.png and index.html, one file with everything in it, and return its path.

    `out` is the demo's folder with everything its steps left; `seconds` has one figure for
    composing the scenes and one a step; `score` of the detections and `recall` of the regions.
    """
    test = open_dataset(out / "data", "test")
    sheet = _sheet(test, out / "found/detections.json")
    write_picture(out / "sheet.png", sheet)
    titles = ["Compose scenes by cut-and-paste", *(step.title for step in steps)]
    lines = ["", *(step.line for step in steps)]
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    text = environment.from_string(PAGE).render(
        notice=NOTICE,
        map=score.map,
        per_class=score.per_class,
        recall=_recall(recall),
        stages=list(zip(titles, lines, seconds, strict=True)),
        total=sum(seconds),
        sheet=_inline(sheet),
        steps=[(caption, _inline(picture)) for caption, picture in _input_pictures(out, test)],
    )
    write_text(out / "index.html", text)
    return out / "index.html"


def _sheet(dataset: Dataset, detections: Path) -> Image:
    """Return the detections of the first scenes of `dataset`, judged, on one sheet (H, W, 3)."""
    rows, columns = _SHEET
    by_image = read_detections(detections, dataset)
    pictures = [
        _draw_judged(dataset, index, by_image) for index in range(min(rows * columns, len(dataset)))
    ]
    return contact_sheet(pictures, columns)


def _draw_judged(dataset: Dataset, index: int, by_image: dict[str, Detections]) -> Image:
    sample = dataset.samples[index]
    detections = by_image[sample.image_id]
    return draw_detections(read_pixels(sample), detections, dataset.classes, sample.annotations)


def _input_pictures(out: Path, test: Dataset) -> list[tuple[str, Image]]:
    """Return captioned pictures of what goes in: a train scene, and the regions of a test scene."""
    train = open_dataset(out / "data", "train").samples[4]
    truth = draw_ground_truth(read_pixels(train), train.annotations, test.classes)
    sample = test.samples[1]
    regions = ProposalFile(out / "test.parquet").read(sample.image_id)
    return [
        ("A train scene and its objects.", truth),
        ("The best regions of a test scene.", draw_proposals(read_pixels(sample), regions, 80)),
    ]


def _recall(scores: RecallScores) -> dict[str, Any]:
    """Return what the page tells of the regions: how many, and which share of objects they hold."""
    return {
        "boxes": scores.boxes_per_image,
        "all": scores.recall["all"]["0.50"],
        "budget": _BUDGET,
        "at_budget": scores.recall[_BUDGET]["0.50"],
    }


def _inline(picture: Image) -> str:
    """Return `picture` as a data URL, JPEG, so that the page is one file."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, quality=88)).decode()
