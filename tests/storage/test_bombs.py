"""Small files that stand for gigabytes are refused by their counts, before they are decoded."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from detect.errors import DataError
from detect.storage.exchange import read_npz
from detect.storage.proposal_rows import SCHEMA
from detect.storage.proposals import RECIPE_KEY, ProposalFile


def _parquet(path: Path, **columns: object) -> Path:
    row = {"image_id": ["a"], "height": [9], "width": [9], "boxes": [[0.0, 0, 5, 5]],
           "scores": [[1.0]], "sources": [["s"]], **columns}  # fmt: skip
    table = pa.table(row, schema=SCHEMA.with_metadata({RECIPE_KEY: b"{}"}))
    pq.write_table(table, path, compression="zstd")
    return path


def test_more_numbers_than_memory(tmp_path: Path) -> None:
    count = 2**26 + 1
    scores = pa.ListArray.from_arrays(
        pa.array([0, count], pa.int32()), pa.array(np.zeros(count, np.float32))
    )
    path = _parquet(tmp_path / "p.parquet", scores=scores)
    assert path.stat().st_size < 20_000
    with pytest.raises(DataError, match="row group 0 holds 67,108,865 numbers in a column, at"):
        ProposalFile(path)


def test_more_boxes_than_an_image_has(tmp_path: Path) -> None:
    count = 2**20 + 1
    path = _parquet(tmp_path / "p.parquet", scores=[np.zeros(count, np.float32)])
    with pytest.raises(DataError, match="1,048,577 boxes; at most 1,048,576 are read"):
        ProposalFile(path).read("a")


def test_one_long_id_for_many_images(tmp_path: Path) -> None:
    ids = ["n" * 10**6] * 3
    path = _parquet(
        tmp_path / "p.parquet", image_id=ids, height=[9] * 3, width=[9] * 3,
        boxes=[[]] * 3, scores=[[]] * 3, sources=[[]] * 3,
    )  # fmt: skip
    with pytest.raises(DataError, match=r"'nnn.* appears twice"):
        ProposalFile(path)


def _npz(path: Path, shape: tuple[int, ...], content: bytes, **how: object) -> Path:
    header = io.BytesIO()
    kind = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, kind)
    with zipfile.ZipFile(path, "w", **how) as archive:  # type: ignore[call-overload]
        archive.writestr("a.npy", header.getvalue() + content)
    return path


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**12, 4), "image a: with it the file has more than 83,886,080 numbers"),
        ((2**24 + 1, 5), "image a: with it the file has more than"),
        ((3, 4), r"image a: not a readable npz file \(its bytes are not those of float64 \(3, 4\)"),
        ((1, 4), r"image a: not a readable npz file \(its bytes are not those of"),
        ((-1, 4), r"image a: expected numbers of shape"),
    ],
)
def test_a_header_that_does_not_go_with_the_bytes(tmp_path: Path, shape, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message):
        list(read_npz(_npz(tmp_path / "b.npz", shape, bytes(64))))


def test_arrays_that_cannot_be_unpacked(tmp_path: Path) -> None:
    path = _npz(tmp_path / "b.npz", (2, 4), bytes(64), compression=zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="image 'a' is neither stored nor deflated"):
        list(read_npz(path))
    content = bytearray(_npz(path, (2, 4), bytes(64)).read_bytes())
    assert len(list(read_npz(path))) == 1
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="image 'a' is encrypted"):
        list(read_npz(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("n" * 256 + ".npy", b"")
    with pytest.raises(DataError, match="can be no image's array"):
        list(read_npz(path))
