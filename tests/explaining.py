"""Scores of networks that half know the truth, kept as a run keeps them, for pages on them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from score_cards import score_card

from detect.boxes import iou_matrix
from detect.data import open_dataset
from detect.ensemble import Combination
from detect.ensemble.stored import combine
from detect.images import read_size
from detect.storage.detections import write_detections
from detect.storage.scores import RegionScores, ScoresFile, scores_table, write_scores
from detect.storage.scores_card import ScoresCard
from detect.structures import Dataset, FloatArray, Sample

CARD = score_card(
    classes=("a",),
    category_ids=(1,),
    columns=("a",),
    names=("one", "two"),
    proposals={"method": "random"},
)


def keep_scores(
    root: Path, split: str | None, out: Path, regions: int = 60, seed: int = 0, **changes: Any
) -> Path:
    """Write scores.parquet and detections.json on a split of the data set `root` to `out`.

    `regions` of each image near objects and anywhere; CARD with `changes`, deltas too.
    """
    dataset = open_dataset(root, split)
    named = {
        "split": dataset.split,
        "classes": dataset.classes,
        "category_ids": dataset.category_ids,
        "integer_ids": dataset.integer_ids,
        "columns": dataset.classes,
    }
    card = replace(CARD, **{**named, **changes})
    rng = np.random.default_rng(seed)
    rows = [_row(rng, sample, card, regions) for sample in dataset.samples]
    out.mkdir(parents=True)
    write_scores(out / "scores.parquet", [scores_table(row, card.kept) for row in rows], card)
    write_run(out, replace(dataset, classes=card.classes, category_ids=card.category_ids))
    return out


def write_run(out: Path, dataset: Dataset) -> None:
    """Write the detections of the scores in `out` beside them."""
    scores = ScoresFile(out)
    names = Combination.__dataclass_fields__
    how = Combination(**{name: getattr(scores.card, name) for name in names})
    every = range(len(scores.card.names))
    write_detections(out / "detections.json", combine(scores, how, every), dataset)


def _row(rng: np.random.Generator, sample: Sample, card: ScoresCard, count: int) -> RegionScores:
    size = sample.size or read_size(sample.path)
    boxes = near_and_far(rng, sample.annotations.boxes, size, count)
    scores = half_right(rng, boxes, sample, len(card.columns), len(card.names))
    kinds = {"off": 0, "agnostic": 1, "classwise": len(card.columns)}[card.deltas]
    shape = (len(card.names), len(boxes), kinds, 4)
    deltas = rng.normal(0, 0.1, shape).astype(np.float32) if kinds else None
    sources = np.where(np.arange(len(boxes)) % 3, "selective-search", "multibox")
    return RegionScores(sample.image_id, size, boxes, sources, scores, deltas)


def near_and_far(
    rng: np.random.Generator, truths: FloatArray, size: Sequence[int], count: int
) -> FloatArray:
    """Return `count` boxes in an image of `size` (H, W), half of them near `truths`."""
    limits = np.array([size[1], size[0]])
    corner = rng.uniform(0, limits - 8, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 60, (count, 2))], axis=1)
    if len(truths):
        near = truths[rng.integers(len(truths), size=count // 2)].astype(np.float64)
        sides = np.tile(near[:, 2:] - near[:, :2], 2)
        boxes[: count // 2] = near + rng.normal(0, 0.12, near.shape) * sides
    low = np.clip(np.minimum(boxes[:, :2], boxes[:, 2:]), 0, limits - 2)
    high = np.clip(np.maximum(boxes[:, :2], boxes[:, 2:]), low + 2, limits)
    return np.concatenate([low, high], axis=1).astype(np.float32)


def half_right(
    rng: np.random.Generator, boxes: FloatArray, sample: Sample, classes: int, networks: int
) -> FloatArray:
    """Return softmax scores (M, N, C+1) that rise with the IoU of `boxes` with the truth."""
    truth = sample.annotations
    logits = rng.normal(0, 1.2, (networks, len(boxes), classes + 1))
    logits[:, :, -1] += 2
    if len(truth):
        overlaps = iou_matrix(boxes, truth.boxes)
        nearest = overlaps.argmax(axis=1)
        logits[:, np.arange(len(boxes)), truth.labels[nearest]] += 7 * overlaps.max(axis=1)
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    return (shares / shares.sum(axis=2, keepdims=True)).astype(np.float32)
