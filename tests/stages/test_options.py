"""What a caller gave, and what it left unsaid, however it is called."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import call

from detect import stages
from detect.errors import UsageError
from detect.stages import ProposeOptions
from detect.stages.run.options import RunOptions
from detect.structures import Detections


def told(**more: Any) -> ProposeOptions:
    return ProposeOptions(**{"data": "voc", "split": "test", "out": "p", **more})


def test_nothing_is_as_good_as_unsaid() -> None:
    options = told(multibox=(), multibox_nms=None, preset="rcnn")
    assert options.gave("preset", "multibox", "multibox_nms", "sigma") == ["preset"]


def test_none_leaves_an_option_to_its_default() -> None:
    options = told(device=None, seed=None, preset=None)
    assert options == told()
    assert options.gave(*ProposeOptions.model_fields) == ["data", "split", "out"]
    with pytest.raises(UsageError, match=r"^data is missing: A data set"):
        told(data=None)
    with pytest.raises(UsageError, match=r"^no option 'devise'"):
        told(devise=None)


def test_some_options_are_changed_and_the_others_stay_as_given() -> None:
    options = told(method="multibox", multibox="m", multibox_nms="adaptive")
    changed = options.changed(out="q", multibox_boxes=5)
    assert (changed.out, changed.multibox_boxes) == (Path("q"), 5)
    assert (changed.multibox_nms, changed.multibox) == (0.0, (Path("m"),))
    assert changed.gave("out", "multibox_nms", "multibox_boxes", "seed") == [
        "out",
        "multibox_nms",
        "multibox_boxes",
    ]
    with pytest.raises(UsageError, match="multibox_boxes=0"):
        options.changed(multibox_boxes=0)


@pytest.mark.parametrize("shard", ["1/4", (1, 4), [1, 4]])
def test_a_shard_is_text_or_two_numbers(shard: Any) -> None:
    assert told(shard=shard).shard == (1, 4)


@pytest.mark.parametrize("shard", ["3/2", (3, 2), (0, 2), (1,), "half"])
def test_a_shard_that_is_none_is_refused(shard: Any) -> None:
    with pytest.raises(UsageError, match=r"shard=.*: expected I/N with I from 1 to N"):
        told(shard=shard)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"multibox_nms": [0.5]}, "neither adaptive nor above 0 and at most 1"),
        ({"method": "both", "multibox": ()}, "method=both: multibox is missing"),
        ({"data": "twice"}, "data is given twice"),
        ({"reporter": "test"}, "'test': options but the first, data, are keyword arguments"),
    ],
)
def test_wrong_calls_are_usage_errors(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        stages.propose("voc", split="test", out="p", **given)
    assert "\ue000" not in repr(error.value)


@pytest.mark.parametrize("name", ["data", "split", "iou"])
def test_a_table_of_detections_is_not_printed(name: str) -> None:
    boxes = np.full((30, 4), 1, np.float32)
    found = Detections("a", boxes, np.zeros(30, np.int64), np.full(30, 0.5, np.float32))
    given = {"detections": "d.json", "data": "voc", "split": "test"}
    with pytest.raises(UsageError) as error:
        stages.evaluate(**{**given, name: found})
    assert str(error.value).startswith(f"{name}=<Detections>: ")
    with pytest.raises(UsageError, match=r"^detections=<Detections>: expected a path\.$"):
        stages.evaluate(**{**given, "detections": found})


def test_an_empty_text_is_no_path(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("out", "data"):
        with pytest.raises(UsageError, match=f"^{name}: expected a path, got an empty text"):
            told(**{name: ""})
    with pytest.raises(UsageError, match=r"^multibox: expected a path, got an empty text"):
        told(multibox=["m", ""])
    assert told(out=".").out == Path()
    assert call("propose", "voc", "--split", "test", "--out", "") == 2
    assert capsys.readouterr().err.startswith(
        "Error: detect propose: Invalid value for '--out': expected a path, got an empty text"
    )


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_has_a_range(seed: int) -> None:
    with pytest.raises(UsageError, match=f"seed={seed}: Input should be "):
        RunOptions(images="x", model="m", out="o", seed=seed)


@pytest.mark.parametrize("name", ["n" * 256, "a/" + "n" * 300, "a/" * 2100, "a\0b"])
@pytest.mark.parametrize("field", ["out", "split", "model", "images"])
def test_names_that_no_file_can_have_are_refused(field: str, name: str) -> None:
    given = {"images": "x", "model": "m", "out": "o", field: name}
    with pytest.raises(UsageError, match=f"{field}=.*: no file can have this name"):
        RunOptions(**given)
