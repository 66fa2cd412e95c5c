"""What a report is made of: a run, an ensemble's curve, a classification; and reading its page."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from detect.cli import main
from detect.data import data_hash
from detect.storage.detections import write_detections
from detect.structures import Dataset, Detections

CONFIG = """
split = "test"
models = ["a", "b"]
nms = 0.3
[proposals]
method = "selective-search"
[proposals.parameters]
ks = [50, 100]
"""
CURVE = {
    "protocol": "voc2012",
    "iou": 0.5,
    "names": {"0": "a", "2": "c"},
    "map": 0.5,
    "sizes": [
        {"networks": 1, "subsets": 2, "of": 2, "mean": 0.4, "min": 0.38, "max": 0.42},
        {"networks": 2, "subsets": 1, "of": 1, "mean": 0.5, "min": 0.5, "max": 0.5},
    ],
    "alone": [{"network": 0, "map": 0.38}, {"network": 2, "map": 0.42}],
    "leave_one_out": [
        {"without": 0, "map": 0.42, "loss": 0.08},
        {"without": 2, "map": 0.38, "loss": 0.12},
    ],
}
TABLE = {"images": 9, "table": [{"models": 1, "crops": 10, "cost": 10, "top5_error": 0.1234}]}


def report(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["report", *map(str, arguments)])
    return int(stop.value.code or 0)


def run_folder(path: Path, data: Dataset, share: float = 1.0, networks: int = 1) -> Path:
    """Write what `detect run` leaves: this share of the objects found, and a wrong box an image."""
    rng = np.random.default_rng(0)
    found = []
    for sample in data.samples:
        notes = sample.annotations
        kept = np.flatnonzero(rng.uniform(size=len(notes)) < share)
        boxes = np.concatenate([notes.boxes[kept], [[0, 0, 5, 5]]])
        labels = [*notes.labels[kept], 0]
        found.append(Detections(sample.image_id, boxes, labels, np.linspace(0.9, 0.6, len(labels))))
    write_detections(path / "detections.json", found, data)
    models = ", ".join(f'"{n}"' for n in range(networks))
    recipe = '[proposals]\nmethod = "selective-search"\n[proposals.parameters]\nks = [50, 100]\n'
    (path / "config.toml").write_text(f"models = [{models}]\nnms = 0.3\n{recipe}")
    record = {"device": "cpu", "data": data_hash(data), "packages": {"numpy": "<2&3>"}}
    (path / "environment.json").write_text(json.dumps(record))
    return path


class Page(HTMLParser):
    """Collects what a browser would load, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "link", "iframe", "object")
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def read(out: Path) -> Page:
    return Page((out / "index.html").read_text(encoding="utf-8"))
