"""The formats that are fuzzed: how a valid file is made, what reads it, how it is damaged."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from builders import write_coco, write_voc
from faults.damages import (
    many_numbers,
    odd_cell,
    odd_column,
    odd_json,
    odd_json_lines,
    odd_lines,
    odd_metadata,
    odd_npz,
    odd_toml,
    odd_word,
    zip_bomb,
)
from faults.fuzzing import Format
from faults.model_formats import MODELS
from faults.set_formats import SETS
from recipes import TINY_REGION_CLASSIFIER
from reports import CONFIG, CURVE, TABLE
from score_cards import score_card

from detect.config import load_recipe
from detect.config.region_classifier import RegionClassifierRecipe
from detect.data import data_hash, open_dataset
from detect.evaluation.blacklist import read_blacklist
from detect.report.extras import read_classification, read_ensemble
from detect.report.runs import read_runs
from detect.runs import RunFolder
from detect.stages.members import member_folders
from detect.storage import archive
from detect.storage.archive_rows import ArchiveRow, to_table
from detect.storage.detections import read_detections, write_detections
from detect.storage.exchange import read_coco, read_npz, to_proposals, write_npz
from detect.storage.exchange import write_coco as export_coco
from detect.storage.features import FeatureStore
from detect.storage.manifest import read_manifest
from detect.storage.proposals import RECIPE_KEY, ProposalFile, write_part
from detect.storage.scores import RegionScores, ScoresFile, scores_table, write_scores
from detect.storage.scores_card import Kept
from detect.storage.submission import read_submission, write_submission
from detect.storage.unfinished import UnfinishedDetections
from detect.structures import Dataset, Detections, Proposals

CARD = score_card(
    category_ids=(3, 6), columns=("dog", "cat"), proposals={"method": "random"}, data="abc"
)


def _data(folder: Path) -> Dataset:
    """Return a VOC set of two images beside `folder`, made where it is missing."""
    root = folder.parent / "set-of-readers"
    if not root.exists():
        write_voc(root, {"test": 2}, size=(48, 64))
    return open_dataset(root, "test")


def _proposals(image_id: str, count: int = 3) -> Proposals:
    corners = np.random.default_rng(count).uniform(0, 20, (count, 4)).astype(np.float32)
    corners[:, 2:] += corners[:, :2]
    return Proposals(image_id, (48, 64), corners, np.ones(count), np.array(["own"] * count))


def _detections(image_id: str) -> Detections:
    return Detections(image_id, [[0, 0, 9, 9], [1, 2, 30, 40.5]], [1, 0], [0.5, 0.25])


def _text(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def _make_proposals(folder: Path) -> Path:
    path = folder / "p.parquet"
    recipe = {"method": "selective-search", "parameters": {"ks": [50]}, "images": 3, "data": "3f"}
    write_part(path, [_proposals("one"), _proposals("two", 0), _proposals("a/b", 2)], recipe)
    return path


def _read_proposals(path: Path) -> None:
    stored = ProposalFile(path)
    export_coco(path.with_name("out.json"), stored, integer_ids=False)
    write_npz(path.with_name("out.npz"), stored)


def _make_scores(folder: Path) -> Path:
    rows = []
    for image_id, count in (("one", 3), ("two", 0), ("three", 2)):
        values = np.random.default_rng(0).dirichlet(np.ones(3), (2, count)).astype(np.float32)
        found = _proposals(image_id, count)
        rows.append(RegionScores(image_id, (48, 64), found.boxes, found.sources, values))
    write_scores(folder / "s.parquet", (scores_table(row, Kept("float32")) for row in rows), CARD)
    return folder / "s.parquet"


def _read_scores(path: Path) -> None:
    file = ScoresFile(path)
    file.sizes()
    write_scores(
        path.with_name("o.parquet"), (scores_table(row, Kept("float32")) for row in file), file.card
    )


def _make_archive(folder: Path) -> Path:
    found = [_detections(sample.image_id) for sample in _data(folder).samples]
    rows = [ArchiveRow(one.named_id, (48, 64), one) for one in found]
    recipe = {"classes": ["circle", "square", "triangle"], "models": ["ab"]}
    return archive.write_part(folder, to_table(rows, "ab", "cd"), recipe)


def _read_archive(path: Path) -> None:
    data = _data(path.parent)
    write_detections(path.with_name(".out.json"), read_detections(path.parent, data).values(), data)
    list(archive.Archive(path.parent).states())


def _make_manifest(folder: Path) -> Path:
    columns = {"image_id": ["one", "two", "a/b"], "path": ["1.jpg", "2.jpg", "/else/3.png"]}
    pq.write_table(pa.table(columns), folder / "m.parquet", write_page_checksum=True)
    return folder / "m.parquet"


def _make_unfinished(folder: Path) -> Path:
    file = UnfinishedDetections(folder / "unfinished.jsonl")
    for image_id in ("one", "two", "three"):
        file.add(_detections(image_id))
    return file.path


def _read_unfinished(path: Path) -> None:
    file = UnfinishedDetections(path)
    file.finished()
    list(file)


def _make_detections(folder: Path) -> Path:
    data = _data(folder)
    path = folder / "d.json"
    write_detections(path, [_detections(sample.image_id) for sample in data.samples], data)
    return path


def _read_detections(path: Path) -> None:
    data = _data(path.parent)
    write_detections(path.with_name("out.json"), read_detections(path, data).values(), data)


def _make_submission(folder: Path) -> Path:
    data = _data(folder)
    path = folder / "s.txt"
    write_submission(path, [_detections(sample.image_id) for sample in data.samples], data)
    return path


def _read_imported(path: Path) -> None:
    external = dict(read_npz(path)) if path.suffix == ".npz" else read_coco(path)
    found = (to_proposals(name, (48, 64), external[name])[0] for name in external)
    write_part(path.with_name("out.parquet"), found, {})


def _make_npz(folder: Path) -> Path:
    write_npz(folder / "b.npz", [_proposals("one"), _proposals("two", 2)])
    return folder / "b.npz"


def _make_exported(folder: Path) -> Path:
    export_coco(folder / "b.json", [_proposals("one"), _proposals("two", 2)], integer_ids=False)
    return folder / "b.json"


def _read_set(path: Path) -> None:
    data = open_dataset(path.parents[1] if path.suffix == ".json" else _root(path), "test")
    data_hash(data)


def _root(path: Path) -> Path:
    return path.parent if path.name == "classes.txt" else path.parents[2]


def _make_coco(folder: Path) -> Path:
    return write_coco(folder, {"test": 2}, size=(48, 64)) / "annotations/instances_test.json"


def _make_list(folder: Path) -> Path:
    return write_voc(folder, {"test": 2}, size=(48, 64)) / "ImageSets/Main/test.txt"


def _make_classes(folder: Path) -> Path:
    return write_voc(folder, {"test": 2}, size=(48, 64)) / "classes.txt"


def _make_blacklist(folder: Path) -> Path:
    data = _data(folder)
    lines = (data.samples[0].image_id, "2")
    return _text(folder, "b.txt", "".join(f"{line} {data.classes[0]}\n" for line in lines))


def _make_run(folder: Path, wanted: str) -> Path:
    data = _data(folder)
    write_detections(folder / "detections.json", [_detections(data.samples[0].image_id)], data)
    record = {"format": 2, "device": "cpu", "data": data_hash(data), "proposals": {"seed": 0}}
    _text(folder, "environment.json", json.dumps(record))
    _text(folder, "config.toml", f"format = 2\n{CONFIG}")
    return folder / wanted


def _read_run(path: Path) -> None:
    for run in read_runs([path.parent], _data(path.parent)):
        repr((run.networks, run.proposals, run.settings(), run.surroundings()))
    RunFolder(path.parent).environment()
    if path.name == "config.toml":
        RunFolder(path.parent).check_same(CONFIG)


def _make_members(folder: Path) -> Path:
    (folder / "1").mkdir()
    record = {"format": 2, "networks": 2, "finished": [{"map": 0.5}, {"map": 0.25}]}
    return _text(folder, "ensemble.json", json.dumps(record))


def _make_features(folder: Path) -> Path:
    FeatureStore(folder).begin({"model": "abc", "parameters": {"seed": 1}})
    return folder / "recipe.json"


def _read_features(path: Path) -> None:
    FeatureStore(path.parent).begin({"model": "abc", "parameters": {"seed": 1}})


FORMATS = {
    **MODELS,
    **SETS,
    "proposals": Format(
        _make_proposals,
        _read_proposals,
        (odd_metadata(RECIPE_KEY), odd_cell, odd_cell, odd_column, many_numbers),
    ),
    "scores": Format(
        _make_scores,
        _read_scores,
        (
            odd_metadata(b"detect.scores"),
            odd_metadata(b"detect.scores"),
            odd_cell,
            odd_cell,
            odd_column,
            many_numbers,
        ),
    ),
    "archive": Format(
        _make_archive,
        _read_archive,
        (odd_metadata(archive.RECIPE_KEY), odd_cell, odd_cell, odd_column, many_numbers),
    ),
    "manifest": Format(_make_manifest, read_manifest, (odd_cell, odd_cell, odd_column)),
    "unfinished run": Format(_make_unfinished, _read_unfinished, (odd_json_lines, odd_lines)),
    "detections": Format(_make_detections, _read_detections, (odd_json,)),
    "submission": Format(
        _make_submission,
        lambda path: list(read_submission(path, _data(path.parent))),
        (odd_word, odd_lines),
    ),
    "boxes as npz": Format(_make_npz, _read_imported, (odd_npz, odd_npz, zip_bomb)),
    "boxes as COCO results": Format(_make_exported, _read_imported, (odd_json,)),
    "COCO annotations": Format(_make_coco, _read_set, (odd_json, odd_json)),
    "list of images": Format(_make_list, _read_set, (odd_lines,)),
    "list of classes": Format(_make_classes, _read_set, (odd_lines,)),
    "blacklist": Format(
        _make_blacklist,
        lambda path: read_blacklist(path, _data(path.parent)),
        (odd_word, odd_lines),
    ),
    "recipe": Format(
        lambda folder: _text(folder, "r.toml", TINY_REGION_CLASSIFIER),
        lambda path: load_recipe(RegionClassifierRecipe, path),
        (odd_toml, odd_toml),
    ),
    "run's recipe": Format(lambda f: _make_run(f, "config.toml"), _read_run, (odd_toml, odd_toml)),
    "run's environment": Format(
        lambda folder: _make_run(folder, "environment.json"), _read_run, (odd_json, odd_json)
    ),
    "ensemble's record": Format(
        _make_members, lambda path: member_folders(path.parent), (odd_json, odd_json)
    ),
    "features' recipe": Format(_make_features, _read_features, (odd_json, odd_json)),
    "ensemble's curve": Format(
        lambda folder: _text(folder, "curve.json", json.dumps(CURVE)),
        lambda path: json.dumps(vars(read_ensemble(path)), allow_nan=False),
        (odd_json, odd_json),
    ),
    "classification's table": Format(
        lambda folder: _text(folder, "table.json", json.dumps(TABLE)),
        lambda path: read_classification(path),
        (odd_json, odd_json),
    ),
}
