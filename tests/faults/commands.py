"""Every command that writes, at its smallest, and what it needs to be there."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from builders import write_voc
from class_sets import write_class_folders
from networks import network
from proposing import propose_randomly
from recipes import TINY_MULTIBOX, TINY_PRETRAIN, TINY_REGION_CLASSIFIER, TINY_SHARED

from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.proposals.selective_search import search_module

OUT, WORLD = "OUT", "WORLD"
RESUMED, ANEW = "--resume", "--exist-ok"


@dataclass(frozen=True)
class Command:
    """`detect WORDS`, into the folder OUT, where the result of the command `over` may be.

    `again`: what is added, one after the other until it succeeds, when it was ended before its
    time.
    """

    words: str
    over: str = ""
    again: tuple[str, ...] = (ANEW,)

    def call(self, world: Path, out: Path, added: str = "") -> list[str]:
        """Return its words for the files in `world` and the folder `out`."""
        kept = self.words.replace(ANEW, "") if added == RESUMED else self.words
        new = "" if added in kept.split() else added
        places = {WORLD: str(world), OUT: str(out)}
        return [_placed(word, places) for word in f"{kept} {new}".split()]


def _placed(word: str, places: dict[str, str]) -> str:
    first, slash, rest = word.partition("/")
    return places.get(first, first) + slash + rest


_VOC = "WORLD/voc --split test"
_TRAIN = "WORLD/voc --split train --device cpu --threads 1"
_CLASSIFY = f"{_TRAIN} --proposals WORLD/train.parquet --config WORLD/region.toml --out OUT"
_RUN = (
    f"run {_VOC} --device cpu --proposals WORLD/test.parquet --out OUT --model WORLD/a.safetensors"
)
_TWO = f"{_RUN} --model WORLD/b.safetensors --keep-scores"
_EITHER = (RESUMED, ANEW)
_GONE_ON = (RESUMED,)
_SAME = ("",)

COMMANDS: dict[str, Command] = {
    "propose": Command(f"propose {_VOC} --width 64 --k 50 --workers 1 --out OUT", again=_GONE_ON),
    "propose again": Command(
        f"propose {_VOC} --width 64 --k 80 --workers 1 --out OUT --exist-ok",
        over="propose",
        again=_EITHER,
    ),
    "propose both": Command(
        f"propose {_VOC} --width 64 --k 50 --workers 1 --out OUT --device cpu --method both "
        "--multibox WORLD/multibox",
        again=_GONE_ON,
    ),
    "import": Command("import WORLD/boxes.npz --data WORLD/voc --split test --out OUT"),
    "import again": Command(
        "import WORLD/others.npz --data WORLD/voc --split test --out OUT --exist-ok", over="import"
    ),
    "export": Command("export WORLD/test.parquet --to npz --out OUT/boxes.npz"),
    "import labels": Command("import WORLD/labels --out OUT"),
    "export a set": Command(f"export {_VOC} --to yolo --out OUT"),
    "export a set again": Command(
        "export WORLD/voc --split train --to yolo --out OUT --exist-ok", over="export a set"
    ),
    "split": Command(f"split {_VOC} --out OUT"),
    "split again": Command(f"split {_VOC} --out OUT --seed 3 --exist-ok", over="split"),
    "train-multibox": Command(
        f"train-multibox {_TRAIN} --config WORLD/multibox.toml --out OUT", again=_GONE_ON
    ),
    "train-shared": Command(
        f"train-shared {_TRAIN} --config WORLD/shared.toml --out OUT", again=_GONE_ON
    ),
    "train-classifier": Command(
        f"train-classifier {_CLASSIFY} --val-split test --val-proposals WORLD/test.parquet",
        again=_GONE_ON,
    ),
    "train-classifier again": Command(
        f"train-classifier {_CLASSIFY} --seed 1 --exist-ok", over="train-classifier", again=_EITHER
    ),
    "train-classifier, two": Command(
        f"train-classifier {_CLASSIFY} --ensemble 2 --set optimizer.steps=1", again=_GONE_ON
    ),
    "pretrain": Command(
        "pretrain WORLD/classes --split train --val-split val --config WORLD/pretrain.toml "
        "--device cpu --threads 1 --out OUT",
        again=_GONE_ON,
    ),
    "train-svm": Command(
        "train-svm WORLD/voc --split train --device cpu --proposals WORLD/train.parquet "
        "--model WORLD/a.safetensors --out OUT/svm.safetensors",
        again=_GONE_ON,
    ),
    "train-regression": Command(
        "train-regression WORLD/voc --split train --device cpu --proposals WORLD/train.parquet "
        "--pair-iou 0.3 --model WORLD/a.safetensors --out OUT/regression.safetensors "
        "--network-out OUT/moving.safetensors"
    ),
    "run": Command(_RUN, again=_GONE_ON),
    "archive": Command(
        "archive WORLD/voc/JPEGImages --device cpu --proposals WORLD/test.parquet "
        "--model WORLD/a.safetensors --part-images 2 --out OUT",
        again=_GONE_ON,
    ),
    "run with scores": Command(_TWO, again=_GONE_ON),
    "run again": Command(f"{_RUN} --nms 0.5 --exist-ok", over="run with scores", again=_EITHER),
    "ensemble": Command("ensemble WORLD/run --out OUT"),
    "ensemble again": Command(
        f"ensemble WORLD/run --data {_VOC} --json OUT/curve.json --kind soft-nms --out OUT "
        "--exist-ok",
        over="run with scores",
    ),
    "refine": Command(
        f"refine WORLD/run/detections.json --data {_VOC} --device cpu --model WORLD/a.safetensors "
        "--regression WORLD/regression/regression.safetensors --out OUT/refined.json"
    ),
    "classify": Command(
        "classify WORLD/classes --split val --model WORLD/pretrained --device cpu "
        "--json OUT/classification.json",
        again=_SAME,
    ),
    "eval --map": Command(
        f"eval --map --data {_VOC} --detections WORLD/run/detections.json --protocol all "
        "--json OUT/map.json",
        again=_SAME,
    ),
    "eval --recall": Command(
        f"eval --recall --data {_VOC} --proposals WORLD/test.parquet --json OUT/recall.json "
        "--plot OUT/recall.png",
        again=_SAME,
    ),
    "visualize": Command(
        f"visualize --data {_VOC} --detections WORLD/run/detections.json --out OUT", again=_GONE_ON
    ),
    "visualize again": Command(
        f"visualize --data {_VOC} --proposals WORLD/test.parquet --out OUT --exist-ok",
        over="visualize",
        again=_EITHER,
    ),
    "check": Command("check WORLD/voc --out OUT"),
    "check again": Command(
        f"check {_VOC} --detections WORLD/run --json OUT/all.json --out OUT --exist-ok",
        over="check",
    ),
    "explain": Command(f"explain WORLD/run --data {_VOC} --out OUT"),
    "explain again": Command(
        f"explain WORLD/run --data {_VOC} --image test_001 --out OUT --exist-ok", over="explain"
    ),
    "report": Command(f"report WORLD/run --data {_VOC} --out OUT"),
    "report again": Command(
        f"report WORLD/run --data {_VOC} --proposals WORLD/test.parquet --out OUT --exist-ok",
        over="report",
    ),
}


# What is made first by commands themselves: name in the world -> command.
MADE = {
    "multibox": "train-multibox",
    "pretrained": "pretrain",
    "run": "run with scores",
    "regression": "train-regression",
}


def write_world(root: Path) -> None:
    """Write the data, regions, recipes and networks that the commands take, in this process."""
    import numpy as np

    search_module().prepare()  # compiled once, not by every command
    write_voc(root / "voc", {"train": 4, "test": 3}, seed=1)
    write_class_folders(root / "classes", {"train": 3, "val": 2})
    for split in ("train", "test"):
        propose_randomly(open_dataset(root / "voc", split), root / f"{split}.parquet", count=12)
    for name, text in (
        ("region", TINY_REGION_CLASSIFIER),
        ("multibox", TINY_MULTIBOX),
        ("shared", TINY_SHARED),
        ("pretrain", TINY_PRETRAIN),
    ):
        one = text.replace("steps = 1\n[run]\n", "steps = 2\n[run]\n")
        (root / f"{name}.toml").write_text(one.replace("[run]\n", "[run]\nsave_every = 1\n"))
    for seed, name in enumerate("ab"):
        save_model(root / f"{name}.safetensors", *network(seed))
    ids = [sample.image_id for sample in open_dataset(root / "voc", "test").samples]
    for image in ids:
        _write_labelme(root / "labels", root / f"voc/JPEGImages/{image}.jpg")
    for name, box in (("boxes", [1, 1, 20, 20]), ("others", [2, 2, 30, 30])):
        np.savez(root / f"{name}.npz", **{image: [box] for image in ids})


def _write_labelme(folder: Path, image: Path) -> None:
    """Copy `image` into `folder`, with LabelMe's file of one object."""
    folder.mkdir(exist_ok=True)
    shutil.copy(image, folder)
    shape = {"label": "cat", "points": [[1, 2], [30, 40]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": image.name}
    (folder / f"{image.stem}.json").write_text(json.dumps(content), encoding="utf-8")
