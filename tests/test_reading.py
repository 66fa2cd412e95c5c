"""What no file from outside may do: recurse, fill memory, hold what no command could write again.

One test forbids every other way of reading in the package.
"""

import ast
import json
import tracemalloc
from functools import partial
from pathlib import Path

import pytest

import detect
from detect.errors import DataError, DiskFailure
from detect.reading import (
    DEPTH,
    LINE_BYTES,
    is_name,
    is_path,
    parse_json,
    parse_object,
    parse_records,
    parse_toml,
    read_bytes,
    read_json,
    read_json_lines,
    read_text,
)
from detect.storage.exchange import read_coco

BROKEN = {
    "lists": ("[" * 3000, "nested deeper than 64"),
    "objects": ('{"a":' * 3000, "nested deeper than 64"),
    "just too deep": ("[" * (DEPTH + 1) + "]" * (DEPTH + 1), "nested deeper than 64"),
    "brackets in strings hide nothing": ('["]]]]]]]]]",' * 70, "nested deeper than 64"),
    "digits": ("9" * 4301, "4300 digits"),
    "half of a pair": (r'["\ud800"]', "half of a surrogate pair"),
    "half of a pair as a key": (r'{"\udfff": 1}', "half of a surrogate pair"),
    "bytes": (b'"\xff"', "not UTF-8 text"),
    "cut": ('{"a": [1, 2', "Expecting"),
    "empty": ("", "Expecting value"),
}
REFUSED_IN_CARDS = {
    "nan": ("[NaN]", "NaN is no number"),
    "infinity": ("[-Infinity]", "-Infinity is no number"),
    "too large": ("[1e999]", "a number that is not finite"),
    "beyond 64 bits": (f"[{2**64}]", "a whole number beyond 64 bits"),
    "a key twice": ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is there twice"),
}
BROKEN_TOML = {
    "lists": ("a = " + "[" * 1000, "nested deeper than 64"),
    "tables": ("a = " + "{a=" * 1000, "nested deeper than 64"),
    "dotted keys": (".".join("a" * 1000) + " = 1", "nested deeper than 64"),
    "quoted keys": (". ".join(['"a.\\""'] * 1000) + " = 1", "nested deeper than 64"),
    "just too deep": (f"a = {'[' * DEPTH}{']' * DEPTH}", "nested deeper than 64"),
    "digits": ("a = " + "9" * 4301, "4300 digits"),
    "beyond 64 bits": (f"a = {2**64}", "a whole number beyond 64 bits"),
    "half of a pair": (r'a = "\ud800"', "not a Unicode scalar value"),
    "cut": ("[a\n", "Expected ']'"),
}


@pytest.mark.parametrize("parse", [parse_json, parse_records])
@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_json_says_where_what_and_what_to_do(parse, text, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=message) as caught:
        parse(text, "here.json", "a card", "Copy it.")
    assert str(caught.value).startswith("here.json: not valid JSON: ")
    assert str(caught.value).endswith("Expected a card. Copy it.")


@pytest.mark.parametrize(("text", "message"), REFUSED_IN_CARDS.values(), ids=REFUSED_IN_CARDS)
def test_a_card_holds_only_what_can_be_written_again(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_json(text, "here", "a card")


def test_what_is_allowed_reads_as_json_reads_it() -> None:
    deepest = "[" * DEPTH + "]" * DEPTH
    strings = r'{"[[[[\"[[": "\\", "\ud83d\ude00": ["' + "[" * 200 + '"]}'
    for text in (deepest, strings, f"[{2**64 - 1}, 1e308, -0.5, true, null]"):
        assert parse_json(text, "here", "a card") == json.loads(text)
        assert parse_records(text.encode(), "here", "records") == json.loads(text)


def test_an_object_is_expected_where_one_is() -> None:
    with pytest.raises(DataError, match="expected a card, a JSON object, got a list"):
        parse_object("[1]", "here", "a card")
    with pytest.raises(DataError, match="got null"):
        parse_object("null", "here", "a card")


@pytest.mark.parametrize(("text", "message"), BROKEN_TOML.values(), ids=BROKEN_TOML)
def test_broken_toml_says_where_what_and_what_to_do(text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"here\.toml: not valid TOML: .*{message}.*a recipe"):
        parse_toml(text, "here.toml", "a recipe")


def test_files_are_bounded_before_they_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1, 2]")
    assert read_bytes(path, "a list", most=6) == b"[1, 2]"
    with pytest.raises(DataError, match=r"a\.json: expected a list, of at most 5 bytes, got more"):
        read_bytes(path, "a list", most=5)
    with pytest.raises(DataError, match="expected zeros, of at most 100 bytes, got more"):
        read_text(Path("/dev/zero"), "zeros", most=100)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    for path, reason in {
        tmp_path: "Is a directory",
        tmp_path / "none": "No such file",
        tmp_path / ("n" * 300): "File name too long",
        tmp_path / "a\0b": "null byte",
    }.items():
        with pytest.raises(DataError, match=f"cannot be read: .*{reason}"):
            read_json(path, "a card")


def test_text_is_utf8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf\xc3\xa9\r\n")
    assert read_text(path, "names") == "é\r\n"
    path.write_bytes(b"\xe9")
    with pytest.raises(DataError, match=r"a\.txt: not UTF-8 text .* at 0\)\. Expected names"):
        read_text(path, "names")


def test_lines_are_numbered_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n[2]\n')
    assert list(read_json_lines(path, "lines")) == [(1, {"a": 1}), (2, [2])]
    path.write_text("1\n" + "[" * 100 + "\n")
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: not valid JSON: nested deeper"):
        list(read_json_lines(path, "lines"))
    path.write_text("1\n" + " " * LINE_BYTES + "1\n")
    with pytest.raises(DataError, match=r"a\.jsonl, line 2: longer than 16,777,216 bytes"):
        list(read_json_lines(path, "lines"))


# Who decodes text from outside by itself, and why.
_OWN_WAY = {
    "detect/reading.py": "the one way",
    "detect/foreign.py": "first bytes, and YAML of text that reading.py has read",
    "detect/storage/parquet.py": "the one way for Parquet",
    "detect/storage/npz.py": "the one way for npz",
    "detect/storage/json_entries.py": "COCO results: an entry at a time",
    "detect/storage/exchange.py": "writes npz",
    "detect/storage/submission.py": "numpy reads its numbers",
    "detect/models/device.py": "/proc",
    "detect/memory.py": "/proc and /sys",
    "detect/locks.py": "its own lock",
    "detect/report/images.py": "a picture that it has just drawn",
    "detect/models/tensor_files.py": "safetensors",
    "detect/checks/files.py": "bytes, of which it takes the hash",
    "detect/report/explained/page.py": "its own package's files",
    "detect/models/training_state.py": "torch.save's archive",
    "detect/models/exported/files.py": "ONNX and OpenVINO, which read their own files",
    "detect/models/exported/exporting.py": "what it has just written",
}
_DECODERS = {
    "json.load", "json.loads", "tomllib.load", "tomllib.loads", "np.load", "np.loadtxt",
    "pq.ParquetFile", "pq.read_table", "zipfile.ZipFile", "pickle.load", "csv.reader",
    "yaml.load", "yaml.safe_load",
}  # fmt: skip
_READERS = {"read_text", "read_bytes"}


def _ways_of_reading(text: str) -> set[str]:
    """Return what `text` calls to read or decode a file without detect.reading."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            name, last = ast.unparse(node.func), ast.unparse(node.func).rpartition(".")[2]
            mode = ast.unparse(ast.Tuple([*node.args, *(k.value for k in node.keywords)]))
            reads = last == "open" and not any(f"'{letter}" in mode for letter in "wax")
            if (
                name in _DECODERS
                or (last in _READERS and "." in name)
                or (reads and "'rb'" in mode)
            ):
                found.add(name)
    return found


def test_other_ways_of_reading_are_seen() -> None:
    text = "json.loads(a); p.read_text(); p.open('rb'); np.load(p); p.open('wb'); read_text(p)"
    seen = {"json.loads", "p.read_text", "p.open", "np.load"}
    assert _ways_of_reading(text) == seen


def test_nothing_else_in_the_package_decodes_files() -> None:
    root = Path(detect.__file__).parent
    ways = {
        str(path.relative_to(root.parent)): found
        for path in sorted(root.rglob("*.py"))
        if (found := _ways_of_reading(path.read_text(encoding="utf-8")))
    }
    allowed = {"detect/data/imagenet_cls.py": {"csv.reader"}}  # Of text that reading.py has read.
    assert {
        name: found - allowed.get(name, set())
        for name, found in ways.items()
        if name not in _OWN_WAY and found - allowed.get(name, set())
    } == {}
    assert set(_OWN_WAY) - set(ways) == set()  # Nobody is listed without need.


def test_names_are_what_file_systems_take() -> None:
    assert [is_name("a cat"), is_name("é" * 127), is_path("a/b/" + "c" * 255)] == [True] * 3
    wrong = ["", "n" * 256, "é" * 128, "a\0b", "\ud800", 5, None, ["a"]]
    assert [is_name(value) for value in wrong] == [False] * len(wrong)
    assert [is_path("a/" + "n" * 256), is_path("a//b"), is_path(7)] == [False] * 3


def test_a_small_file_takes_no_more_memory_than_it_has(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    tracemalloc.start()
    try:
        assert read_bytes(tmp_path / "a.json", "a card", most=2**31) == b"{}"
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that gives EIO")
def test_a_disk_that_fails_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.symlink_to("/proc/self/mem")
    ways = (
        partial(read_json, path, "a card"),
        lambda: list(read_json_lines(path, "lines")),
        partial(read_coco, path),
    )
    for read in ways:
        with pytest.raises(DiskFailure, match=r"card\.json: its disk fails: Input/output error\."):
            read()
