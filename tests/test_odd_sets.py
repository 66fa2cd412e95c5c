"""Lists, results and classes that do not go with a set: the culprit and a remedy that works."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from builders import write_coco, write_voc
from odd_inputs import change_xml, refused, said
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER

from detect.data import open_dataset


def _train(capsys, root, split="train", *more, proposals=None):
    folder = root.parent
    stored = proposals or folder / "p.parquet"
    if proposals is None:
        propose_randomly(open_dataset(root, split), stored)
    (folder / "c.toml").write_text(TINY_REGION_CLASSIFIER)
    out = folder / "run"
    told = ("--proposals", stored, "--config", folder / "c.toml", "--out", out, "--device", "cpu")
    code, text = said(capsys, "train-classifier", root, "--split", split, *told, *more)
    assert code == 0 or not out.exists()
    return code, text


def test_images_without_annotations_are_not_trained_on(tmp_path, capsys):
    root = write_voc(tmp_path / "set")
    propose_randomly(open_dataset(root, "train"), tmp_path / "p.parquet")
    (tmp_path / "ids.txt").write_text("train_000\ntrain_001\n")
    photos = shutil.move(root / "JPEGImages", tmp_path / "photos")
    given = (Path(photos), str(tmp_path / "ids.txt"))
    code, text = _train(capsys, *given, proposals=tmp_path / "p.parquet")
    assert code == 4
    assert "split 'ids' is of images without annotations, so there is nothing to train on" in text


def test_objects_that_are_all_difficult_are_said_to_be(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 3}, objects=2)
    change_xml(root, lambda text: text.replace("<difficult>0", "<difficult>1"))
    code, text = _train(capsys, root)
    assert code == 4
    assert "split train: all 6 objects are marked difficult or crowd" in text
    assert "--set" not in text


def test_the_advice_to_leave_a_class_out_can_be_followed(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 3}, ('5" disc', "it's", "circle"), objects=3)
    change_xml(root, lambda text: re.sub("<name>.*?</name>", "<name>it's</name>", text))
    change_xml(root, lambda text: text.replace("it's", '5" disc', 1))
    code, text = _train(capsys, root)
    assert code == 4
    advised = re.search(r"--set (.*)\.\n", text)[1]
    words = subprocess.check_output(["bash", "-c", f"printf %s {advised}"], text=True)
    assert words == 'classes=["5\\" disc", "it\'s"]'
    assert _train(capsys, root, "train", "--set", words)[0] == 0


def test_a_list_of_file_names_is_told_what_ids_are(tmp_path):
    voc, coco = write_voc(tmp_path / "voc"), write_coco(tmp_path / "coco")
    given = tmp_path / "list.txt"
    for line, own in (("train_000.jpg", "train_000"), ("s\\train_000", "s/train_000")):
        given.write_text(f"{line}\n")
        (voc / "JPEGImages/s").mkdir(exist_ok=True)
        shutil.copy(voc / "JPEGImages/train_000.jpg", voc / "JPEGImages/s")
        assert f"list it as {own}" in refused(voc, given)
        assert f"list it as {own}" in refused(voc / "JPEGImages", given)
    given.write_text("000000000010.jpg\n")
    expected = "has no image 000000000010.jpg (that is the name of its file: the image's id is 10)"
    assert expected in refused(coco, given)


def test_results_for_numbers_in_a_set_of_padded_names(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 1})
    for folder, ending in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (root / folder / f"train_000.{ending}").rename(root / folder / f"000004.{ending}")
    (root / "ImageSets/Main/train.txt").write_text("000004\n")
    results = tmp_path / "r.json"
    entry = {"image_id": 4, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    results.write_text(json.dumps([entry]))
    where = ("--data", root, "--split", "train")
    code, text = said(capsys, "eval", "--map", *where, "--detections", results)
    assert (code, 'Ids there are as "000004": write that for it.' in text) == (4, True)
    code, text = said(capsys, "import", results, *where, "--out", tmp_path / "p")
    assert (code, "Ids there are as '000004': write that for it." in text) == (4, True)
