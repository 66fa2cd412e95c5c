"""Inputs of people that once went wrong: read now, or refused by a text that says what to do."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import save_image, texture, write_coco, write_voc
from commands import call
from PIL import Image
from proposing import propose_randomly
from recipes import TINY_REGION_CLASSIFIER

from detect.data import open_dataset, open_images
from detect.errors import DataError
from detect.images import read_image

_IMAGE = texture(np.random.default_rng(0), (48, 64))


def _edit(root, change):
    """Change the text of every annotation of a VOC set."""
    for path in root.glob("Annotations/*.xml"):
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def _change(root, change):
    """Change the content of a COCO set's train split."""
    path = root / "annotations/instances_train.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _refused(root, split="train", **options):
    with pytest.raises(DataError) as caught:
        open_dataset(root, split, **options)
    return str(caught.value)


def _said(capsys, *arguments):
    """Return the exit code and stderr of `detect ARGUMENTS`."""
    code = call(*arguments)
    return code, capsys.readouterr().err


def _run(line, **environment):
    """Run `detect LINE` in a shell with an interpreter of its own."""
    program = f"{sys.executable} -c 'from detect.cli import main; main()' {line}"
    variables = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", program], capture_output=True, env=variables, check=False)


def test_fractions_are_not_taken_for_pixels(tmp_path):
    coco, voc = write_coco(tmp_path / "coco"), write_voc(tmp_path / "voc")
    box = [0.16, 0.17, 0.16, 0.26]
    _change(coco, lambda content: content["annotations"][0].update(bbox=box))
    assert f"bbox {box}, has numbers from 0 to 1 alone: fractions" in _refused(coco)
    low, high = r"<(xmin|ymin)>\d+", r"<(xmax|ymax)>\d+"
    _edit(voc, lambda text: re.sub(low, r"<\1>0.16", re.sub(high, r"<\1>0.5", text)))
    text = _refused(voc)
    assert "xmin ymin xmax ymax = 0.16 0.16 0.5 0.5, has numbers from 0 to 1 alone" in text
    assert "Multiply those of x by the image's width, those of y by its height." in text


def test_fractions_of_other_programs_are_refused_too(tmp_path, capsys):
    root = write_coco(tmp_path / "set")
    entry = {"category_id": 3, "bbox": [0.1, 0.2, 0.5, 0.25], "score": 0.5}
    entries = [{"image_id": image, **entry} for image in (10, 20)] * 5
    (tmp_path / "r.json").write_text(json.dumps(entries))
    np.savez(tmp_path / "r.npz", **{"10": [[0.1, 0.2, 0.5, 0.25]]})
    where = ("--data", root, "--split", "train")
    expected = "all numbers of all boxes are from 0 to 1: fractions of the image"
    for words in (
        ("eval", "--map", "--detections", tmp_path / "r.json"),
        ("import", tmp_path / "r.json", "--out", tmp_path / "p"),
        ("import", tmp_path / "r.npz", "--out", tmp_path / "p"),
    ):
        code, text = _said(capsys, *words, *where)
        assert (code, expected in text) == (4, True)


def test_the_first_pixel_is_an_object(tmp_path):
    root = write_voc(tmp_path)
    _edit(root, lambda text: re.sub(r"<(x|y)(min|max)>\d+", r"<\1\2>1", text))
    assert open_dataset(root, "train").samples[0].annotations.boxes[0].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda text: text.replace("<annotation>", '<annotation xmlns="http://a.b/c">'),
            "begins with <{http://a.b/c}annotation>, a name in a namespace (xmlns)",
        ),
        (lambda text: text.replace("object>", "Object>"), "<Object> stands below <annotation>"),
        (
            lambda text: re.sub("(<object>.*</object>)", r"<objects>\1</objects>", text),
            "<object> stands below <objects>",
        ),
        (lambda text: text.replace("object>", "item>"), "<bndbox> stands below <item>"),
        (
            lambda _: "<annotations><image id='0' name='a.jpg'/></annotations>",
            "begins with <annotations>, as CVAT's own format does, which detect import turns",
        ),
    ],
)
def test_objects_elsewhere_in_an_xml_are_not_none(tmp_path, change, expected):
    root = write_voc(tmp_path)
    _edit(root, change)
    text = _refused(root)
    assert expected in text
    assert "Expected VOC's <annotation> with an <object> below it for each object." in text


@pytest.mark.parametrize("name", ["IMG_2.HEIC", "IMG_2.dng", "IMG_2"])
def test_images_that_are_not_read_are_not_left_out_silently(tmp_path, capsys, name):
    save_image(tmp_path / "photos/IMG_1.JPG", _IMAGE)
    beginning = b"\xff\xd8\xff" if name == "IMG_2" else b"\0\0\0\x18ftypheic"
    (tmp_path / "photos" / name).write_bytes(beginning + b"\0" * 50)
    arguments = ("propose", tmp_path / "photos", "--out", tmp_path / "p", "--workers", 1)
    code, text = _said(capsys, *arguments)
    assert code == 4
    assert f"{name}: an image that is not read, by its name or its first bytes. Convert" in text
    left = open_images([tmp_path / "photos"], skip_bad=True)
    assert [sample.image_id for sample in left.samples] == ["IMG_1"]
    assert name in left.skipped[0]


def test_a_listed_image_that_is_not_read_is_named(tmp_path):
    root = write_voc(tmp_path)
    (root / "JPEGImages/train_000.jpg").rename(root / "JPEGImages/train_000.HEIC")
    assert "but train_000.HEIC, which is not read. Convert it to JPEG or PNG." in _refused(root)


def test_a_fourth_band_that_is_not_called_alpha_is_left_out(tmp_path):
    pixels = np.full((9, 9, 4), (100, 110, 120, 0), np.uint8)
    Image.fromarray(pixels, "RGBA").save(tmp_path / "alpha.tif")
    content = (tmp_path / "alpha.tif").read_bytes()
    # The entry ExtraSamples (338, a SHORT) becomes SampleFormat (339), of unsigned integers (1).
    entry = b"\x52\x01\x03\x00\x01\x00\x00\x00\x02\x00"
    assert content.count(entry) == 1
    (tmp_path / "infrared.tif").write_bytes(content.replace(entry, b"\x53" + entry[1:8] + b"\1\0"))
    assert read_image(tmp_path / "alpha.tif")[0, 0].tolist() == [255, 255, 255]
    assert read_image(tmp_path / "infrared.tif")[0, 0].tolist() == [100, 110, 120]


def test_hidden_files_are_nobodys_annotations(tmp_path):
    voc, coco = write_voc(tmp_path / "voc"), write_coco(tmp_path / "coco")
    (voc / "classes.txt").unlink()
    hidden = (voc / "Annotations/._a1.xml", voc / "ImageSets/Main/._train.txt")
    for path in (*hidden, coco / "annotations/._instances_train.json"):
        path.write_bytes(b"\0\5\x16\7")
    assert len(open_dataset(voc, "train")) == len(open_dataset(coco, "train")) == 3
    assert _refused(voc, "val").endswith("Splits there: test, train.")


def test_results_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    root = write_coco(tmp_path / "set")
    entries = [{"image_id": 10, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]
    results = tmp_path / "results.json"
    results.write_text(json.dumps(entries), encoding="utf-8-sig")
    where = ("--data", root, "--split", "train")
    assert call("eval", "--map", *where, "--detections", results) == 0
    assert call("import", results, *where, "--out", tmp_path / "p") == 0
    assert "3 images, 1 boxes" in capsys.readouterr().out


def test_a_submission_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    root, text = write_voc(tmp_path / "set"), tmp_path / "s.txt"
    text.write_text("1 1 0.5 0 0 9 9\n", encoding="utf-8-sig")
    where = ("--data", root, "--split", "train", "--out", tmp_path / "d.json")
    assert call("import", text, *where) == 0
    assert "3 images, 1 detections" in capsys.readouterr().out


def test_class_names_are_gathered_from_sub_folders_too(tmp_path):
    root = write_voc(tmp_path)
    (root / "classes.txt").unlink()
    for folder, ending in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (root / folder / "s").mkdir()
        (root / folder / f"train_000.{ending}").rename(root / folder / f"s/train_000.{ending}")
    path = root / "Annotations/s/train_000.xml"
    path.write_text(re.sub("<name>.*?</name>", "<name>disc</name>", path.read_text()))
    (root / "ImageSets/Main/train.txt").write_text("s/train_000\n")
    assert "disc" in open_dataset(root, "train").classes


def _train(capsys, root, split="train", *more, proposals=None):
    folder = root.parent
    stored = proposals or folder / "p.parquet"
    if proposals is None:
        propose_randomly(open_dataset(root, split), stored)
    (folder / "c.toml").write_text(TINY_REGION_CLASSIFIER)
    out = folder / "run"
    told = ("--proposals", stored, "--config", folder / "c.toml", "--out", out, "--device", "cpu")
    code, text = _said(capsys, "train-classifier", root, "--split", split, *told, *more)
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
    _edit(root, lambda text: text.replace("<difficult>0", "<difficult>1"))
    code, text = _train(capsys, root)
    assert code == 4
    assert "split train: all 6 objects are marked difficult or crowd" in text
    assert "--set" not in text


def test_the_advice_to_leave_a_class_out_can_be_followed(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 3}, ('5" disc', "it's", "circle"), objects=3)
    _edit(root, lambda text: re.sub("<name>.*?</name>", "<name>it's</name>", text))
    _edit(root, lambda text: text.replace("it's", '5" disc', 1))
    code, text = _train(capsys, root)
    assert code == 4
    advised = re.search(r"--set (.*)\.\n", text)[1]
    words = subprocess.check_output(["bash", "-c", f"printf %s {advised}"], text=True)
    assert words == 'classes=["5\\" disc", "it\'s"]'
    assert _train(capsys, root, "train", "--set", words)[0] == 0


def test_names_of_files_that_are_not_utf8(tmp_path, capsys):
    save_image(tmp_path / "a.jpg", _IMAGE)
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(tmp_path / "a.jpg", os.fsencode(folder) + b"/caf\xe9.jpg")
    shutil.copy(tmp_path / "a.jpg", folder / "a.jpg")
    code, text = _said(capsys, "propose", folder, "--out", tmp_path / "p", "--workers", 1)
    assert code == 4
    assert "caf\\xe9.jpg: the file's name is not UTF-8 text, as the ids of images are." in text
    assert len(open_dataset(folder, skip_bad=True)) == 1
    out = os.fsdecode(os.fsencode(tmp_path) + b"/o\xe9")
    code, text = _said(capsys, "propose", tmp_path / "a.jpg", "--out", out)
    assert code == 2
    assert "o\\xe9: not UTF-8 text" in text


@pytest.fixture
def cats(tmp_path):
    """Return the words of an eval of detections of a class that cp1252 has no letter for."""
    root = write_coco(tmp_path / "set", {"train": 2}, ("猫", "b"))
    data = json.loads((root / "annotations/instances_train.json").read_text(encoding="utf-8"))
    found = [{**one, "score": 0.5} for one in data["annotations"]]
    (tmp_path / "d.json").write_text(json.dumps(found))
    told = f"--map --per-class --data {root} --split train --detections {tmp_path / 'd.json'}"
    return f"eval {told} --json {tmp_path / 'figures.json'}"


def test_a_terminal_without_the_letters_of_a_class(tmp_path, cats):
    done = _run(cats, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0, done.stderr
    assert b"\\u732b" in done.stdout
    assert "猫" in (tmp_path / "figures.json").read_text(encoding="utf-8")


def test_an_output_that_is_full_is_no_bug(cats):
    for line in (cats, "--help", "eval --help", "--version"):
        done = _run(f"{line} > /dev/full")
        assert done.returncode == 3
        assert b"the output cannot be written: No space left on device." in done.stderr


def test_libraries_do_not_speak_to_whoever_types(tmp_path):
    root = write_coco(tmp_path / "set", {"train": 2})
    propose_randomly(open_dataset(root, "train"), tmp_path / "猫.parquet")
    files = f"--proposals {tmp_path / '猫.parquet'} --plot {tmp_path / 'p.png'}"
    told = f"eval --recall --data {root} --split train {files}"
    done = _run(told, HOME="/nonexistent/home", MPLCONFIGDIR="")
    assert (done.returncode, done.stderr.startswith(b"scoring 2/2")) == (0, True)
    assert done.stderr.count(b"\n") == 1


def _without_shared_memory(line, size):
    """Run `detect LINE` where /dev/shm has `size`; None where this process may not mount it."""
    mounted = f"mount -t tmpfs -o {size} tmpfs /dev/shm"
    if subprocess.run(["unshare", "-m", "bash", "-c", mounted], capture_output=True).returncode:
        return None
    program = f"{sys.executable} -c 'from detect.cli import main; main()' {line}"
    command = ["unshare", "-m", "bash", "-c", f"{mounted}; {program}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_worker_processes_without_shared_memory(tmp_path):
    root = write_voc(tmp_path / "set", {"train": 2})
    told = f"propose {root} --split train --workers 2 --width 64 --k 50 --out {tmp_path / 'p'}"
    full = _without_shared_memory(told, "size=4k")
    if full is None:
        pytest.skip("may not mount")
    assert full.returncode == 3
    assert "worker processes cannot start: No space left on device. They share" in full.stderr
    assert "or use --workers 1." in full.stderr
    read_only = _without_shared_memory(f"{told}2", "ro,size=4k")
    assert read_only.returncode == 0
    assert "joblib" not in read_only.stderr


def test_a_list_of_file_names_is_told_what_ids_are(tmp_path):
    voc, coco = write_voc(tmp_path / "voc"), write_coco(tmp_path / "coco")
    given = tmp_path / "list.txt"
    for line, own in (("train_000.jpg", "train_000"), ("s\\train_000", "s/train_000")):
        given.write_text(f"{line}\n")
        (voc / "JPEGImages/s").mkdir(exist_ok=True)
        shutil.copy(voc / "JPEGImages/train_000.jpg", voc / "JPEGImages/s")
        assert f"list it as {own}" in _refused(voc, given)
        assert f"list it as {own}" in _refused(voc / "JPEGImages", given)
    given.write_text("000000000010.jpg\n")
    expected = "has no image 000000000010.jpg (that is the name of its file: the image's id is 10)"
    assert expected in _refused(coco, given)


def test_results_for_numbers_in_a_set_of_padded_names(tmp_path, capsys):
    root = write_voc(tmp_path / "set", {"train": 1})
    for folder, ending in (("Annotations", "xml"), ("JPEGImages", "jpg")):
        (root / folder / f"train_000.{ending}").rename(root / folder / f"000004.{ending}")
    (root / "ImageSets/Main/train.txt").write_text("000004\n")
    results = tmp_path / "r.json"
    entry = {"image_id": 4, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    results.write_text(json.dumps([entry]))
    where = ("--data", root, "--split", "train")
    code, text = _said(capsys, "eval", "--map", *where, "--detections", results)
    assert (code, 'Ids there are as "000004": write that for it.' in text) == (4, True)
    code, text = _said(capsys, "import", results, *where, "--out", tmp_path / "p")
    assert (code, "Ids there are as '000004': write that for it." in text) == (4, True)


def test_an_xml_in_another_encoding(tmp_path):
    root = write_voc(tmp_path, {"train": 1})
    (root / "classes.txt").unlink()
    path = root / "Annotations/train_000.xml"
    text = re.sub("<name>.*?</name>", "<name>金鱼</name>", path.read_text())
    path.write_bytes(text.encode("gbk"))
    refused = _refused(root)
    assert "is no UTF-8, which an XML is that declares no other encoding. Save it as" in refused
    path.write_bytes(f'<?xml version="1.0" encoding="gbk"?>{text}'.encode("gbk"))
    assert open_dataset(root, "train").classes == ("金鱼",)
    path.write_bytes(f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode("gbk"))
    assert "is no UTF-8, as its first line declares" in _refused(root)


_IDS = {
    "missing": lambda one: one.pop("id"),
    "a string": lambda one: one.update(id="100"),
    "a float": lambda one: one.update(id=100.0),
    "another's": lambda one: one.update(id=101),
}


@pytest.mark.parametrize("name", _IDS)
def test_annotations_need_a_number_of_their_own(tmp_path, name):
    root = write_coco(tmp_path, objects=2)
    _change(root, lambda content: _IDS[name](content["annotations"][0]))
    text = _refused(root)
    assert "an annotation of image 10 has the id" in text
    assert "expected a whole number that no other has" in text
    assert 'for n, a in enumerate(content["annotations"], 1): a["id"] = n' in text
    left = open_dataset(root, "train", skip_bad=True)
    assert [sample.image_id for sample in left.samples] == ["20", "30"]


def test_back_slashes_in_file_names_are_slashes(tmp_path):
    root = write_coco(tmp_path)

    def change(content, before):
        for image in content["images"]:
            image["file_name"] = before + re.split(r"[\\/]", image["file_name"])[-1]

    _change(root, lambda content: change(content, "images\\"))
    assert len(open_dataset(root, "train")) == 3
    _change(root, lambda content: change(content, "C:\\data\\"))
    assert r"file_name must lie below images/, got C:\data\000000000010.jpg." in _refused(root)
