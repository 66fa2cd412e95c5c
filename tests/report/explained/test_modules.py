"""The page's JavaScript does what Python does, by node's own runner where node is there."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explaining import CARD, half_right, near_and_far

from detect.crops.geometry import windows
from detect.ensemble import Combination, average, moved
from detect.evaluation.average_precision import evaluate
from detect.evaluation.error_types import wrong_types
from detect.evaluation.flat import flatten_detections
from detect.evaluation.judged import judge
from detect.report.explained.image import Naming, _truth
from detect.report.explained.regions import packed_regions
from detect.report.images import score_images
from detect.storage.scores import RegionScores
from detect.storage.scores_card import ScoresCard
from detect.structures import Annotations, Dataset, Detections, Sample

NODE = shutil.which("node")
TESTS = Path(__file__).with_name("modules.test.mjs")
CLASSES = ("a", "b", "c")
SIZE = (200, 300)
HOWS = (
    {},
    {"nms": 0.6, "per_class": 3},
    {"kind": "soft-nms"},
    {"kind": "soft-nms", "decay": "linear", "nms": 0.4},
    {"kind": "wbf", "fusion_iou": 0.5},
    {"vote": 0.5},
    {"kind": "soft-nms", "vote": 0.7, "threshold": 0.05},
)


def _sample(rng: np.random.Generator, number: int, odd: bool = True) -> Sample:
    boxes = near_and_far(rng, np.zeros((0, 4), np.float32), SIZE, 5)
    labels = rng.integers(len(CLASSES), size=5)
    flags = np.arange(5) == 4 if odd else np.zeros(5, bool)
    crowd = np.arange(5) == 3 if odd else np.zeros(5, bool)
    return Sample(f"{number}", Path("x"), SIZE, Annotations(boxes, labels, flags, crowd))


def _row(
    rng: np.random.Generator, sample: Sample, kinds: int, networks: int, count: int = 80
) -> RegionScores:
    boxes = near_and_far(rng, sample.annotations.boxes, SIZE, count)
    scores = half_right(rng, boxes, sample, len(CLASSES), networks)
    deltas = rng.normal(0, 0.1, (networks, count, kinds, 4)).astype(np.float32) if kinds else None
    return RegionScores(sample.image_id, SIZE, boxes, np.full(count, "x"), scores, deltas)


def _packed(row: RegionScores, card: ScoresCard, sample: Sample) -> dict[str, Any]:
    values, _ = packed_regions(row, card, ("x",))
    truth = _truth(sample.annotations, Naming.of(card, CLASSES, ("x",)).labels)
    return {"id": row.image_id, "truth": truth, "superpixels": None, **values}


def _settings(how: Combination) -> dict[str, Any]:
    same = ("kind", "threshold", "nms", "decay", "sigma", "vote")
    told = {name: getattr(how, name) for name in same}
    return told | {"perClass": how.per_class, "fusionIou": how.fusion_iou}


def _card(how: dict[str, Any], deltas: str, networks: int) -> ScoresCard:
    names = tuple(map(str, range(networks)))
    known = {"classes": CLASSES, "columns": CLASSES, "category_ids": (1, 2, 3)}
    return replace(CARD, **known, names=names, hashes=names, deltas=deltas, **how)


def _selections() -> list[dict[str, Any]]:
    rng = np.random.default_rng(5)
    cases = []
    for number, how in enumerate(HOWS * 2):
        deltas, kinds = (("off", 0), ("agnostic", 1), ("classwise", 3))[number % 3]
        card = _card(how, deltas, networks := 1 + number % 4)
        sample = _sample(rng, number)
        row = _row(rng, sample, kinds, networks)
        regions = row.boxes if row.deltas is None else moved(row.boxes, row.deltas, SIZE)
        boxes, labels, scores = Combination(**how).select(regions, row.scores)
        found = {"boxes": boxes.tolist(), "labels": labels.tolist(), "scores": scores.tolist()}
        packed = _packed(row, card, sample)
        cases.append({"image": packed, "settings": _settings(Combination(**how)), **found})
    return cases


def _judgment(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    card, how = _card({}, "off", 2), Combination()
    samples = tuple(_sample(rng, number, odd=number > 0) for number in range(3))
    rows = [_row(rng, sample, 0, 2) for sample in samples]
    dataset = Dataset(Path("x"), "voc", "test", CLASSES, (1, 2, 3), samples)
    found = {
        row.image_id: Detections(row.image_id, *how.select(row.boxes, row.scores)) for row in rows
    }
    flat = flatten_detections(dataset, found)
    judged = judge(dataset, flat)
    types, tallies = wrong_types(judged), score_images(dataset, flat, 0.3)
    scored = evaluate(dataset, found, "voc2012", 0.5)["voc2012"]
    images = judged.detections.images
    return {
        "images": [_packed(row, card, one) for row, one in zip(rows, samples, strict=True)],
        "settings": _settings(how),
        "shown": 0.3,
        "tallies": np.stack([tallies.right, tallies.wrong, tallies.missed], 1).tolist(),
        "types": [sorted(types[images == place].tolist()) for place in range(3)],
        "classes": len(CLASSES),
        "labels": [CLASSES.index(name) for name in scored["per_class"]],
        "aps": [entry["ap"] for entry in scored["per_class"].values()],
        "map": scored["map"],
    }


def _crops() -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    whole = np.floor(rng.uniform(-40, 150, (60, 4)) * 2) / 2
    boxes = np.concatenate([whole[:, :2], whole[:, :2] + np.abs(whole[:, 2:])], 1).astype(
        np.float32
    )
    cases = []
    for size, context, mode in ((224, 16, "warp"), (64, 16, "square"), (96, 0, "warp")):
        found = windows(boxes, (90, 120), size, context, mode)  # type: ignore[arg-type]
        crop = {"size": size, "context": context, "mode": mode}
        for box, source, target in zip(boxes, found.sources, found.targets, strict=True):
            cases.append(
                {
                    "box": box.tolist(),
                    "width": 120,
                    "height": 90,
                    "crop": crop,
                    "source": source.tolist(),
                    "target": target.tolist(),
                }
            )
    return cases


@pytest.mark.skipif(NODE is None, reason="no node, whose runner tests the page's modules")
def test_the_modules_do_what_python_does(tmp_path: Path) -> None:
    cases = {
        "selections": _selections(),
        "judgments": [_judgment(seed) for seed in range(4)],
        "crops": _crops(),
    }
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [str(NODE), "--test", str(TESTS)],
        env=os.environ | {"CASES": str(tmp_path / "cases.json")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_the_weights_of_networks_are_their_mean_in_the_page() -> None:
    rng = np.random.default_rng(0)
    sample = _sample(rng, 0)
    row = _row(rng, sample, 0, 3)
    _, pairs = packed_regions(row, _card({}, "off", 3), ("x",))
    mean = average(row.scores)[:, :-1]
    chosen = np.zeros(mean.shape, bool)
    chosen[pairs.rows, pairs.labels] = True
    assert chosen[mean >= np.float32(0.01)].all()
