"""Scores on disk: what comes back, and what is refused in which words."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from score_cards import score_card

from detect.errors import DataError
from detect.storage import scores as module
from detect.storage.proposals import write_part
from detect.storage.scores import (
    RegionScores,
    ScoresFile,
    read_table,
    scores_table,
    write_scores,
    write_table,
)
from detect.storage.scores_card import Kept
from detect.structures import Proposals

CARD = score_card(
    classes=("cat", "dog", "cow"),
    category_ids=(3, 6, 9),
    integer_ids=True,
    columns=("dog", "cat"),
    proposals={"method": "random", "parameters": {"seed": 1}},
    data="abc",
)


def _scores(image_id, count, seed=0):
    generator = np.random.default_rng(seed)
    boxes = generator.uniform(-5, 90, (count, 4)).astype(np.float32)
    boxes[:, 2:] += 95
    values = generator.dirichlet(np.ones(3), (2, count)).astype(np.float32)
    sources = np.array(["selective-search", "multibox"] * count)[:count]
    return RegionScores(image_id, (96, 128), boxes, sources.astype(np.str_), values)


ROWS = [_scores("10", 5), _scores("zwei/ö", 0, seed=1), _scores("30", 3, seed=2)]


def _write(path, card=CARD, rows=ROWS):
    write_scores(path, (scores_table(row, card.kept) for row in rows), card)
    return ScoresFile(path)


def _assert_same(first, second, tolerance=0.0):
    assert (first.image_id, first.size) == (second.image_id, second.size)
    np.testing.assert_array_equal(first.boxes, second.boxes)
    np.testing.assert_array_equal(first.sources, second.sources)
    assert first.scores.dtype == np.float32
    assert first.scores.shape == second.scores.shape
    np.testing.assert_allclose(first.scores, second.scores, rtol=0, atol=tolerance)


def test_what_was_written_comes_back_exactly_in_its_order(tmp_path):
    file = _write(tmp_path / "s.parquet")
    assert file.card == CARD
    assert len(file) == 3
    for _ in range(2):
        for first, second in zip(file, ROWS, strict=True):
            _assert_same(first, second)
    assert file.sizes() == {row.image_id: (96, 128) for row in ROWS}


def test_float16_rounds_and_says_so(tmp_path):
    file = _write(tmp_path / "s.parquet", dataclasses.replace(CARD, dtype="float16"))
    assert file.card.dtype == "float16"
    for first, second in zip(file, ROWS, strict=True):
        _assert_same(first, second, tolerance=2**-11)
    kinds = pq.ParquetFile(tmp_path / "s.parquet").schema_arrow
    assert str(kinds.field("scores").type.value_type) == "halffloat"


def test_a_runs_folder_means_the_scores_in_it(tmp_path):
    _write(tmp_path / "scores.parquet")
    assert ScoresFile(tmp_path).path == tmp_path / "scores.parquet"


def test_the_same_scores_are_the_same_bytes_however_they_were_gathered(tmp_path, monkeypatch):
    _write(tmp_path / "a.parquet")
    write_table(tmp_path / "one.parquet", scores_table(ROWS[0], Kept("float32")))
    first = read_table(tmp_path / "one.parquet", Kept("float32"))
    rest = (scores_table(row, Kept("float32")) for row in ROWS[1:])
    write_scores(tmp_path / "b.parquet", [first, *rest], CARD)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_large_images_are_written_and_read_a_group_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_GROUP_BYTES", 1)
    file = _write(tmp_path / "s.parquet")
    assert pq.ParquetFile(tmp_path / "s.parquet").num_row_groups == 3
    assert [row.image_id for row in file] == [row.image_id for row in ROWS]


def test_a_file_that_is_not_there_or_none_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none: no such scores\. .*detect run with keep_scores"):
        ScoresFile(tmp_path / "none")
    with pytest.raises(DataError, match=r"scores\.parquet: no such scores"):
        ScoresFile(tmp_path)
    (tmp_path / "text.parquet").write_text("not Parquet at all")
    with pytest.raises(DataError, match=r"text\.parquet: not a readable file of scores"):
        ScoresFile(tmp_path / "text.parquet")
    boxes = np.array([[0, 0, 9, 9]], np.float32)
    proposals = Proposals("a", (9, 9), boxes, np.ones(1), np.array(["x"]))
    write_part(tmp_path / "p.parquet", [proposals], {"method": "random"})
    with pytest.raises(DataError, match=r"p\.parquet: not a file of scores"):
        ScoresFile(tmp_path / "p.parquet")


def test_a_truncated_file_is_refused(tmp_path):
    _write(tmp_path / "s.parquet")
    content = (tmp_path / "s.parquet").read_bytes()
    (tmp_path / "s.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="not a readable file of scores"):
        ScoresFile(tmp_path / "s.parquet")


def test_a_missing_networks_scores_are_named(tmp_path):
    card = dataclasses.replace(CARD, names=("a", "b", "c"), hashes=("1", "2", "3"))
    file = _write(tmp_path / "s.parquet", card)
    with pytest.raises(DataError, match="image 10: not the scores of 3 networks and 3 columns"):
        list(file)


def test_an_image_that_is_there_twice_is_refused(tmp_path):
    file = _write(tmp_path / "s.parquet", rows=[ROWS[0], ROWS[0]])
    with pytest.raises(DataError, match="an image is there twice"):
        file.sizes()


def test_the_scores_of_an_image_in_another_precision_are_refused(tmp_path):
    write_table(tmp_path / "one.parquet", scores_table(ROWS[0], Kept("float16")))
    with pytest.raises(DataError, match="not the scores of an image in float32"):
        read_table(tmp_path / "one.parquet", Kept("float32"))


def test_shapes_that_do_not_go_together_are_a_callers_mistake():
    with pytest.raises(ValueError, match=r"expected boxes \(N, 4\), sources \(N,\), scores"):
        RegionScores("a", (9, 9), ROWS[0].boxes, ROWS[0].sources, ROWS[0].scores[:, :4])


WRONG_CARDS = {
    "classes": (5, "classes: Input should be a valid array"),
    "columns": (["cow", "horse"], "columns: horse is not in classes"),
    "hashes": (5, "hashes: Input should be a valid array"),
    "names": (["a"], "2 hashes, 1 names"),
    "category_ids": ([3, 6], "2 category_ids, 3 classes"),
    "dtype": ("x", "dtype: Input should be 'float32' or 'float16'"),
    "precision": (5, "precision: Input should be 'float32' or 'bfloat16'"),
    "per_class": (-1, "per_class: Input should be greater than or equal to 1"),
    "nms": (7, "nms: Input should be less than or equal to 1"),
    "vote": (1.5, "vote: expected off, or an IoU above 0 and at most 1"),
    "kind": ("hard", "kind: Input should be 'nms', 'soft-nms' or 'wbf'"),
    "threshold": (None, "threshold: Input should be a valid number"),
    "integer_ids": (1, "integer_ids: Input should be a valid boolean"),
    "proposals": ([], "proposals: Input should be an object"),
    "more": (1, "more: Unexpected keyword argument"),
}


def _with_card(path, change):
    _write(path)
    table = pq.read_table(path)
    metadata = dict(table.schema.metadata)
    card = {**json.loads(metadata[b"detect.scores"]), **change}
    metadata[b"detect.scores"] = json.dumps(card).encode()
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return path


@pytest.mark.parametrize("key", WRONG_CARDS)
def test_a_wrong_card_is_named_with_its_field(tmp_path, key):
    value, message = WRONG_CARDS[key]
    with pytest.raises(DataError, match=rf"s\.parquet: its card is wrong: {message}"):
        ScoresFile(_with_card(tmp_path / "s.parquet", {key: value}))


def test_a_card_with_nan_is_no_json(tmp_path):
    with pytest.raises(DataError, match="not valid JSON: NaN is no number in JSON"):
        ScoresFile(_with_card(tmp_path / "s.parquet", {"threshold": float("nan")}))


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "scores must be finite"), (7, "a score is no probability")]
)
def test_a_score_that_is_none_is_refused(tmp_path, value, message):
    scores = ROWS[0].scores.copy()
    scores[1, 2, 0] = value
    row = dataclasses.replace(ROWS[0], scores=scores)
    with pytest.raises(DataError, match=f"image 10: not the scores of .*{message}"):
        list(_write(tmp_path / "s.parquet", rows=[row]))


def _moving(kind, dtype="float32", limit=0.0):
    """Return rows of networks that move boxes, and their card."""
    card = dataclasses.replace(CARD, dtype=dtype, deltas=kind, deltas_from=limit)
    rng, rows = np.random.default_rng(5), []
    for row in ROWS:
        kinds = 2 if kind == "classwise" else 1
        deltas = rng.normal(0, 0.2, (2, len(row.boxes), kinds, 4)).astype(np.float32)
        rows.append(dataclasses.replace(row, deltas=deltas))
    return rows, card


def test_deltas_of_every_region_come_back_exactly(tmp_path):
    rows, card = _moving("agnostic")
    for one, row in zip(_write(tmp_path / "s.parquet", card, rows), rows, strict=True):
        _assert_same(one, row)
        np.testing.assert_array_equal(one.deltas, row.deltas)
    assert all(row.deltas is None for row in _write(tmp_path / "n.parquet"))
    rows, card = _moving("agnostic", "float16")
    for one, row in zip(_write(tmp_path / "h.parquet", card, rows), rows, strict=True):
        np.testing.assert_allclose(one.deltas, row.deltas, atol=2**-11)


def test_deltas_of_a_class_come_back_where_some_network_scores_high_enough(tmp_path):
    rows, card = _moving("classwise", limit=0.4)
    for one, row in zip(_write(tmp_path / "s.parquet", card, rows), rows, strict=True):
        kept = (row.scores[:, :, :-1] >= np.float32(0.4)).any(axis=0)
        np.testing.assert_array_equal(one.deltas[:, kept], row.deltas[:, kept])
        assert not one.deltas[:, ~kept].any()
        assert kept.any() == (~kept).any() == (len(row.boxes) > 0)


def test_deltas_of_another_kind_are_a_callers_mistake(tmp_path):
    rows, _ = _moving("classwise")
    for kind in ("agnostic", "classwise"):
        wrong = rows[0] if kind == "agnostic" else ROWS[0]
        with pytest.raises(ValueError, match=f"deltas: expected {kind} ones of scores"):
            scores_table(wrong, Kept("float32", kind))


@pytest.mark.parametrize("pairs", [[0, 2, 1, 3], [0, 0, 1, 2], [-1, 0, 1, 2], [0, 1, 2, 10]])
def test_pairs_that_are_none_are_refused(tmp_path, pairs):
    rows, card = _moving("classwise", limit=0.0)
    table = scores_table(rows[0], card.kept)
    given = {"pairs": [pairs], "deltas": [np.zeros(2 * 4 * 4, np.float32)]}
    for name, values in given.items():
        place = table.schema.get_field_index(name)
        column = pa.array(values, table.schema.field(name).type)
        table = table.set_column(place, table.schema.field(name), column)
    write_scores(tmp_path / "s.parquet", [table], card)
    with pytest.raises(DataError, match="pairs: not places of boxes and classes in their order"):
        list(ScoresFile(tmp_path / "s.parquet"))
