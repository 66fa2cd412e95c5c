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
from detect.storage.pages import held
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


def test_a_table_that_says_less_than_the_pages_hold(tmp_path: Path) -> None:
    count = 3_000_000
    path = _parquet(tmp_path / "p.parquet", scores=[np.zeros(count, np.float32)])
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    # Thrift's varint of zigzag(3,000,000), and of zigzag(1) in as many bytes.
    said, less = b"\x80\x9b\xee\x02", b"\x82\x80\x80\x00"
    assert content[footer:].count(said) >= 1
    path.write_bytes(content[:footer] + content[footer:].replace(said, less))
    with pytest.raises(DataError, match=r"3,000,000 values, its table says 1\)"):
        ProposalFile(path).read("a")


def test_pages_are_counted_in_both_versions(tmp_path: Path) -> None:
    table = pa.table({"x": [["a", None], [], None, ["b"] * 5000]})
    for version in ("1.0", "2.0"):
        path = tmp_path / f"{version}.parquet"
        pq.write_table(table, path, data_page_version=version, data_page_size=100)
        column = pq.read_metadata(path).row_group(0).column(0)
        start = column.dictionary_page_offset
        chunk = path.read_bytes()[start : start + column.total_compressed_size]
        assert held(chunk)[:2] == (column.num_values, 2)
    for broken in (b"\xff" * 20, b"\x1c" * 100, b"\x19\xfc\xff\xff\xff\x7f", b"\x15", b"\x00"):
        with pytest.raises(ValueError, match="a page's header"):
            held(broken)


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
