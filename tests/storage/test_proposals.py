"""Proposals on disk: what is read is what was written; everything else is named."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from detect.errors import DataError
from detect.reading import is_path
from detect.storage.proposal_rows import SCHEMA
from detect.storage.proposals import (
    ProposalFile,
    part_name,
    read_recipe,
    write_part,
    write_proposals,
)
from detect.storage.recipe import differing
from detect.structures import Proposals

RECIPE = {"method": "selective-search", "parameters": {"ks": [50, 100], "seed": 0}, "images": 20}


def _proposals(image_id: str, count: int = 3) -> Proposals:
    rng = np.random.default_rng(len(image_id) + count)
    corners = rng.uniform(0, 50, (count, 4)).astype(np.float32)
    corners[:, 2:] += corners[:, :2]
    sources = np.array(["selective-search", "multibox"])[np.arange(count) % 2]
    return Proposals(image_id, (100, 120), corners, rng.random(count), sources)


def _many(count: int) -> list[Proposals]:
    return [_proposals(f"image {number}", number % 5) for number in range(count)]


def _check_equal(one: Proposals, other: Proposals) -> None:
    assert (one.image_id, one.size) == (other.image_id, other.size)
    for name in ("boxes", "scores", "sources"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("name", ["p.parquet", "p"])
@pytest.mark.parametrize("count", [1, 8, 9, 64, 65, 130])
def test_round_trip(tmp_path: Path, name: str, count: int) -> None:
    written = _many(count)
    write_proposals(tmp_path / name, iter(written), RECIPE)
    stored = ProposalFile(tmp_path / name)
    assert stored.image_ids == tuple(one.image_id for one in written)
    assert len(stored) == count
    assert stored.recipe == read_recipe(tmp_path / name) == RECIPE
    for one, other in zip(written, stored, strict=True):
        _check_equal(one, other)
    for number in (count - 1, 0, count // 2):  # any order
        _check_equal(written[number], stored.read(f"image {number}"))


def test_a_folder_holds_parts_of_64_images(tmp_path: Path) -> None:
    write_proposals(tmp_path / "p", _many(130), RECIPE)
    rows = [pq.read_metadata(path).num_rows for path in sorted((tmp_path / "p").iterdir())]
    assert rows == [64, 64, 2]
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [
        f"part-0000{number}.parquet" for number in range(3)
    ]


def test_the_columns_are_what_the_readme_says(tmp_path: Path) -> None:
    write_part(tmp_path / "p.parquet", [_proposals("a", 2)], RECIPE)
    (row,) = pq.read_table(tmp_path / "p.parquet").to_pylist()
    assert list(row) == ["image_id", "height", "width", "boxes", "scores", "sources"]
    assert (row["image_id"], row["height"], row["width"]) == ("a", 100, 120)
    assert row["boxes"] == _proposals("a", 2).boxes.ravel().tolist()
    assert row["sources"] == ["selective-search", "multibox"]


def test_the_same_proposals_give_the_same_bytes(tmp_path: Path) -> None:
    backwards = dict(reversed(RECIPE.items()))
    write_part(tmp_path / "a.parquet", _many(20), RECIPE)
    write_part(tmp_path / "b.parquet", iter(_many(20)), backwards)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


floats = st.floats(-(2.0**99), 2.0**99, width=32)


@given(
    boxes=st.integers(0, 5).flatmap(lambda n: arrays(np.float32, (n, 4), elements=floats)),
    image_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(is_path),
)
def test_any_box_and_any_id_survive(
    tmp_path_factory: pytest.TempPathFactory, boxes: np.ndarray, image_id: str
) -> None:
    path = tmp_path_factory.mktemp("any") / "p.parquet"
    boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    written = Proposals(image_id, (1, 1), boxes, boxes[:, 0], np.full(len(boxes), "s"))
    write_part(path, [written], {})
    _check_equal(written, ProposalFile(path).read(image_id))


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    def failing() -> object:
        yield from _many(10)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_part(tmp_path / "p.parquet", failing(), RECIPE)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_image_tells_how_many_there_are(tmp_path: Path) -> None:
    write_part(tmp_path / "p.parquet", _many(3), RECIPE)
    stored = ProposalFile(tmp_path / "p.parquet")
    assert "image 1" in stored
    assert "other" not in stored
    with pytest.raises(DataError, match=r"p\.parquet: no proposals for image other \(it has 3 of"):
        stored.read("other")


def test_another_size_is_other_data(tmp_path: Path) -> None:
    write_part(tmp_path / "p.parquet", [_proposals("a")], RECIPE)
    stored = ProposalFile(tmp_path / "p.parquet")
    assert stored.read("a", (100, 120)).size == stored.read("a").size == (100, 120)
    text = "image a was 120x100 px when proposed, now 100x120. .* propose again"
    with pytest.raises(DataError, match=text):
        stored.read("a", (120, 100))


@pytest.mark.parametrize("name", ["notes.txt", "part-0.parquet", "part-00000.parquet.bak"])
def test_a_folder_with_other_files_is_refused(tmp_path: Path, name: str) -> None:
    write_proposals(tmp_path / "p", _many(2), RECIPE)
    (tmp_path / "p" / name).write_text("x")
    with pytest.raises(DataError, match=rf"expected only part-NNNNN\.parquet, found {name}"):
        ProposalFile(tmp_path / "p")
    assert (tmp_path / "p" / part_name(0)).exists()


@pytest.mark.parametrize("name", [".part-00001.parquet.77.tmp", "_notes"])
def test_hidden_names_in_a_folder_do_not_count(tmp_path: Path, name: str) -> None:
    write_proposals(tmp_path / "p", _many(2), RECIPE)
    (tmp_path / "p" / name).write_text("x")
    assert len(ProposalFile(tmp_path / "p")) == 2


def test_two_recipes_are_refused_with_what_differs(tmp_path: Path) -> None:
    other = {**RECIPE, "parameters": {"ks": [100, 200], "seed": 0}}
    write_part(tmp_path / part_name(0), _many(2), RECIPE)
    write_part(tmp_path / part_name(1), [_proposals("b")], other)
    text = (
        r"part-00000\.parquet and .*part-00001\.parquet were made by different recipes: "
        r"parameters\.ks \[50, 100\] and \[100, 200\]\. They never mix"
    )
    with pytest.raises(DataError, match=text):
        ProposalFile(tmp_path)


def test_differing_names_keys_of_one_side_alone() -> None:
    assert differing({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}}) == "a.b 1 and 3; c 2 and None"
    search, both = {"method": "selective-search", "ks": [50]}, {"method": "both", "models": ["3f"]}
    assert differing(search, both) == "method selective-search and both"
    nested = ({"seed": 0, "proposals": search}, {"seed": 1, "proposals": both})
    assert differing(*nested) == "proposals.method selective-search and both; seed 0 and 1"


def test_an_image_twice_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path / part_name(0), [_proposals("a")], RECIPE)
    write_part(tmp_path / part_name(1), [_proposals("a")], RECIPE)
    with pytest.raises(DataError, match=r"part-00001\.parquet: image a appears twice"):
        ProposalFile(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all", b"PAR1" + b"x" * 99])
def test_a_file_that_is_no_parquet(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"p\.parquet: not a readable Parquet file \(.*Delete it"):
        ProposalFile(tmp_path / "p.parquet")


def test_damage_in_the_middle_is_found_when_read(tmp_path: Path) -> None:
    path = tmp_path / "p.parquet"
    write_part(path, [_proposals("a", 2000)], RECIPE)
    content = bytearray(path.read_bytes())
    content[2000:6000] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"p\.parquet: not a readable Parquet file"):
        ProposalFile(path).read("a")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such proposals\. Make them with detect propose"):
        ProposalFile(tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"no part-NNNNN.parquet in it. Run detect propose"):
        ProposalFile(tmp_path)


def test_other_columns_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=r"expected the columns image_id, height, .* got x\. Use"):
        ProposalFile(tmp_path / "p.parquet")


WRONG_RECIPES = {
    "none": (None, "no recipe in its metadata"),
    "cut": (b"{", "detect.recipe: not valid JSON"),
    "list": (b"[]", "expected the recipe of proposals, a JSON object, got a list"),
    "parameters": (b'{"parameters": 5}', "its recipe has parameters 5, expected dict"),
    "images": (b'{"images": true}', "its recipe has images True, expected int"),
    "deep": (b'{"parameters": ' + b"[" * 3000, "nested deeper than 64"),
    "digits": (b'{"images": ' + b"9" * 4301 + b"}", "4300 digits"),
}


@pytest.mark.parametrize(("recipe", "message"), WRONG_RECIPES.values(), ids=WRONG_RECIPES)
def test_no_recipe(tmp_path: Path, recipe: bytes | None, message: str) -> None:
    metadata = None if recipe is None else {b"detect.recipe": recipe}
    table = pa.table({name: [] for name in SCHEMA.names}, schema=SCHEMA)
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "p.parquet")
    with pytest.raises(DataError, match=message):
        ProposalFile(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("boxes", [1.0] * 5, "cannot reshape array of size 5"),
        ("boxes", [1.0] * 8, r"Proposals.scores: expected shape \(2,\), got \(1,\)"),
        ("boxes", [1.0, 2.0, 3.0, float("nan")], "boxes must be finite"),
        ("boxes", [5.0, 0.0, 4.0, 5.0], "one has a negative width or height"),
        ("boxes", [0.0, 0.0, None, 5.0], "boxes must be finite"),
        ("sources", [None], "sources: one is null"),
        ("sources", ["n" * 256], "sources: one is empty or too long"),
        ("height", 0, "height and width must be 1 to 1048576, got 0, 9"),
        ("width", 2**31 - 1, "height and width must be 1 to"),
        ("scores", [float("inf")], "scores must be finite"),
        ("sources", [], "cannot reshape array of size 0"),
        ("scores", None, "scores is null"),
        ("height", None, "height is null"),
    ],
)
def test_a_row_that_does_not_hold_together(
    tmp_path: Path, column: str, value: object, text: str
) -> None:
    row = {
        "image_id": "a",
        "height": 9,
        "width": 9,
        "boxes": [0.0, 0.0, 5.0, 5.0],
        "scores": [1.0],
        "sources": ["s"],
        column: value,
    }
    table = pa.Table.from_pylist([row], schema=SCHEMA.with_metadata({b"detect.recipe": b"{}"}))
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(DataError, match=f"image number 0 of row group 0: .*{text}"):
        ProposalFile(tmp_path / "p.parquet").read("a")


@pytest.mark.parametrize(
    "error",
    [
        pa.ArrowMemoryError("malloc of size 9 failed"),
        OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)),
    ],
)
def test_want_of_memory_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whoever is told that a file is damaged deletes it."""
    path = tmp_path / "p.parquet"
    write_part(path, [], {})

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pq, "ParquetFile", fail)
    with pytest.raises(MemoryError):
        ProposalFile(path)
