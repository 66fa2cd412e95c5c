"""The manifest of an archive: Parquet or a folder; every id once."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from archives import write_manifest
from builders import save_image

from detect.errors import DataError
from detect.storage.manifest import read_manifest


def _rows(path: Path) -> list[tuple[str, str]]:
    table = read_manifest(path).table
    return [(row["image_id"], row["path"]) for row in table.to_pylist()]


def test_paths_begin_at_the_manifests_folder_and_other_columns_are_not_read(tmp_path: Path) -> None:
    columns = {"image_id": ["b", "a/1"], "taken": [1, 2], "path": ["images/b.jpg", "/else/a.png"]}
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    assert _rows(tmp_path / "m.parquet") == [
        ("b", f"{tmp_path}/images/b.jpg"),
        ("a/1", "/else/a.png"),
    ]


def test_a_folder_of_manifests_is_one_and_what_is_done_is_left_out(tmp_path: Path) -> None:
    write_manifest(tmp_path / "1.parquet", {"a": "a.jpg", "b": "b.jpg"})
    write_manifest(tmp_path / "2.parquet", {"c": "c.jpg"})
    manifest = read_manifest(tmp_path)
    assert len(manifest) == 3
    left = manifest.without(pa.array(["b", "x"], pa.large_string()))
    assert left.column("image_id").to_pylist() == ["a", "c"]


def test_categories_of_other_writers_are_text(tmp_path: Path) -> None:
    text = pa.array(["a", "b"]).dictionary_encode()
    table = pa.table({"image_id": text, "path": pa.array(["1", "2"], pa.large_string())})
    pq.write_table(table, tmp_path / "m.parquet")
    assert [name for name, _ in _rows(tmp_path / "m.parquet")] == ["a", "b"]


def test_a_folder_of_images_lists_those_below_it_and_those_that_are_not_read(
    tmp_path: Path,
) -> None:
    for name in ("b.jpg", "deep/er/a.png", ".hidden/c.jpg"):
        save_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "d.heic").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("no image")
    assert _rows(tmp_path) == [
        ("b", f"{tmp_path}/b.jpg"),
        ("d.heic", f"{tmp_path}/d.heic"),
        ("deep/er/a", f"{tmp_path}/deep/er/a.png"),
    ]


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"id": ["a"], "path": ["p"]}, r"expected text columns image_id and path, got id \(string"),
        (
            {"image_id": [7], "path": ["p"]},
            r"got image_id \(int64\), path \(string\)\. Write a row",
        ),
        ({"image_id": ["a", "b", "a", "b"], "path": list("pqrs")}, "image 'a' appears twice"),
        ({"image_id": ["a", None], "path": ["p", "q"]}, "an image_id is null"),
        ({"image_id": ["a"], "path": pa.array([None], pa.string())}, "None can be no path of"),
        ({"image_id": ["a"], "path": ["s3://x/a.jpg"]}, r"'s3://x/a\.jpg' can be no path of an"),
        ({"image_id": pa.array([], pa.string()), "path": pa.array([], pa.string())}, "lists no"),
    ],
)
def test_what_is_no_manifest_says_why(tmp_path: Path, columns: dict, text: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "m.parquet")
    with pytest.raises(DataError, match=text):
        read_manifest(tmp_path / "m.parquet")


def test_an_id_in_two_files_or_of_two_images_is_refused(tmp_path: Path) -> None:
    for name in ("1", "2"):
        write_manifest(tmp_path / f"{name}.parquet", {"a": "a.jpg", name: "b.jpg"})
    with pytest.raises(DataError, match=r"1 image ids are listed more than once, first 'a'\. An"):
        read_manifest(tmp_path)
    for name in ("x.jpg", "x.png"):
        save_image(tmp_path / "images" / name, np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"images: 1 image ids .*, first 'x'"):
        read_manifest(tmp_path / "images")


def test_what_is_not_there_or_not_parquet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such manifest: a Parquet file, or a folder of images"):
        read_manifest(tmp_path / "none.parquet")
    (tmp_path / "m.parquet").write_text("image_id,path\n")
    with pytest.raises(DataError, match="not a readable manifest"):
        read_manifest(tmp_path / "m.parquet")
