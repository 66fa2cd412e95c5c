"""Changing a set by hand, and what is said of it."""

import json

import pytest
from commands import call

from detect.data import open_dataset
from detect.errors import DataError


def change_xml(root, change):
    """Change the text of every annotation of a VOC set."""
    for path in root.glob("Annotations/*.xml"):
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def change_json(root, change):
    """Change the content of a COCO set's train split."""
    path = root / "annotations/instances_train.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def refused(root, split="train", **options):
    with pytest.raises(DataError) as caught:
        open_dataset(root, split, **options)
    return str(caught.value)


def said(capsys, *arguments):
    """Return the exit code and stderr of `detect ARGUMENTS`."""
    code = call(*arguments)
    return code, capsys.readouterr().err
