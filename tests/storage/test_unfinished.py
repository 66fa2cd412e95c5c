"""Detections appended an image at a time survive a kill at any byte."""

from pathlib import Path

import numpy as np
import pytest
from score_cards import score_card

from detect.errors import DataError, EnvironmentProblem
from detect.storage.scores import RegionScores, ScoresFile
from detect.storage.scores_card import Kept
from detect.storage.unfinished import UnfinishedDetections, UnfinishedScores
from detect.structures import Detections

CARD = score_card()


def _detections(image_id, count, seed=0):
    generator = np.random.default_rng(seed)
    boxes = generator.uniform(-5, 90, (count, 4)).astype(np.float32)
    labels = generator.integers(0, 3, count)
    return Detections(image_id, boxes, labels, generator.uniform(0, 1, count))


def _assert_same(first, second):
    assert first.image_id == second.image_id
    for name in ("boxes", "labels", "scores"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_what_was_added_comes_back_exactly(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    added = [_detections("one", 3), _detections("zwei/ö", 0), _detections("three", 1, seed=1)]
    for detections in added:
        file.add(detections)
    assert file.finished() == ["one", "zwei/ö", "three"]
    for first, second in zip(file, added, strict=True):
        _assert_same(first, second)


def test_a_file_that_is_not_there_has_nothing(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    assert file.finished() == []
    assert list(file) == []


def test_a_kill_at_any_byte_loses_at_most_the_last_image(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    first, second = _detections("first", 2), _detections("second", 2, seed=1)
    file.add(first)
    length = len(file.path.read_bytes())
    file.add(second)
    content = file.path.read_bytes()
    for end in range(len(content) + 1):
        file.path.write_bytes(content[:end])
        whole = (end >= length) + (end == len(content))
        assert file.finished() == ["first", "second"][:whole]
        file.add(_detections("third", 1))
        assert [one.image_id for one in file][whole:] == ["third"]


def test_a_cut_line_longer_than_a_block_is_cut_off(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    file.add(_detections("first", 1))
    length = len(file.path.read_bytes())
    with file.path.open("ab") as stream:
        stream.write(b"x" * (2**20 * 2 + 17))
    assert file.finished() == ["first"]
    assert len(file.path.read_bytes()) == length


@pytest.mark.parametrize("line", ["{}", "[1]", '{"image_id": "a", "boxes": [[1]]}'])
def test_another_files_line_is_refused(tmp_path, line):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    file.path.write_text(line + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl, line 1: not the detections of an image"):
        file.finished()


def test_an_image_twice_is_refused_with_both_lines(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    for name in ("one", "two", "three", "two"):
        file.add(_detections(name, 1))
    text = r"a\.jsonl, line 4: image two is on line 2 already\. .* run again with exist_ok\."
    with pytest.raises(DataError, match=text):
        file.finished()


def test_symbolic_links_are_refused(tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "a.jsonl").symlink_to("theirs")
    (tmp_path / "waiting").symlink_to("target")
    with pytest.raises(DataError, match=r"a\.jsonl: is a symbolic link"):
        UnfinishedDetections(tmp_path / "a.jsonl").finished()
    with pytest.raises(DataError, match="waiting: is a symbolic link"):
        UnfinishedScores(tmp_path / "waiting", Kept("float32")).check()
    assert (tmp_path / "theirs").read_text() == "theirs"


def test_lines_are_bounded_and_an_image_stands_in_one(tmp_path):
    file = UnfinishedDetections(tmp_path / "a.jsonl")
    for line in ("no JSON", "[" * 3000, r'{"image_id": "\ud800"}'):
        file.path.write_text(line + "\n")
        with pytest.raises(DataError, match=r"a\.jsonl, line 1: not valid JSON.*Delete this file"):
            file.finished()
    file.path.unlink()
    for name in ("one", "two", "one"):
        file.add(_detections(name, 1))
    with pytest.raises(DataError, match=r"a\.jsonl, line 3: image one is on line 1 already"):
        file.finished()


def test_a_folder_that_is_not_there_is_an_error_to_read(tmp_path):
    with pytest.raises(DataError, match="cannot be written: No such file or directory"):
        UnfinishedDetections(tmp_path / "missing/a.jsonl").add(_detections("one", 1))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_the_environments_problem():
    with pytest.raises(EnvironmentProblem, match="no space left on this disk"):
        UnfinishedDetections(Path("/dev/full")).add(_detections("one", 1))


def _scores(image_id, seed=0):
    generator = np.random.default_rng(seed)
    boxes = generator.uniform(0, 90, (4, 4)).astype(np.float32)
    boxes[:, 2:] += 90
    values = generator.dirichlet(np.ones(3), (2, 4)).astype(np.float32)
    return RegionScores(image_id, (96, 128), boxes, np.full(4, "test"), values)


def test_scores_wait_in_files_until_all_are_there(tmp_path):
    waiting = UnfinishedScores(tmp_path / "waiting", Kept("float32"))
    names = ["one", "val/zwei", "three"]
    for seed, name in enumerate(names):
        waiting.add(_scores(name, seed))
    waiting.add(_scores("three", 2))
    waiting.finish(tmp_path / "s.parquet", names[::-1], CARD)
    found = list(ScoresFile(tmp_path / "s.parquet"))
    assert [one.image_id for one in found] == names[::-1]
    for seed, one in enumerate(found[::-1]):
        np.testing.assert_array_equal(one.scores, _scores("", seed).scores)
    waiting.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["s.parquet"]
    waiting.remove()


def test_scores_that_are_gone_are_an_error_and_leave_no_file(tmp_path):
    waiting = UnfinishedScores(tmp_path / "waiting", Kept("float32"))
    waiting.add(_scores("one"))
    with pytest.raises(DataError, match="no such scores"):
        waiting.finish(tmp_path / "s.parquet", ["one", "two"], CARD)
    assert [path.name for path in tmp_path.iterdir()] == ["waiting"]
