"""A JSON list an entry at a time: what json reads of the whole, with its errors."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detect.errors import DataError
from detect.json_values import DEPTH
from detect.reading import LINE_BYTES, RECORDS_BYTES
from detect.storage import json_entries
from detect.storage.json_entries import NotAListError, read_entries

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@pytest.fixture(autouse=True, params=[1, 7, 2**18])
def _piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut the text into pieces of so many characters at least."""
    monkeypatch.setattr(json_entries, "_CHARACTERS_AT_ONCE", request.param)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json") / "a.json"


def _whole(path: Path) -> list[Any]:
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    if not isinstance(content, list):
        raise NotAListError(content)
    return content


def _outcome(read: Any, path: Path) -> str:
    """Return what was read, or the kind and text of the error."""
    try:
        return repr(list(read(path)))
    except (ValueError, RecursionError, NotAListError) as error:
        return f"{type(error).__name__}: {error}"


@given(values=st.lists(_VALUES, max_size=5), indent=st.sampled_from([None, 1]))
def test_any_list_is_read_as_json_reads_it(path: Path, values: list[Any], indent: Any) -> None:
    path.write_text(json.dumps(values, indent=indent), encoding="utf-8")
    assert _outcome(read_entries, path) == _outcome(_whole, path)


@pytest.mark.parametrize(("open_", "close"), [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(path: Path, open_: str, close: str) -> None:
    def nested(depth: int) -> str:
        return f"[1, {open_ * (depth - 1)}1{close * (depth - 1)}]"

    path.write_text(nested(DEPTH))
    assert len(list(read_entries(path))) == 2
    path.write_text(f"[{', '.join([open_ + '1' + close] * 2 * DEPTH)}]")
    assert len(list(read_entries(path))) == 2 * DEPTH
    for text in (nested(DEPTH + 1), nested(200_000), open_ * 200_000):
        path.write_text(text)
        with pytest.raises(DataError, match=r"a\.json: not valid JSON: nested deeper than 64\."):
            list(read_entries(path))


def test_an_entry_and_a_file_are_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(json_entries, "_CHARACTERS_AT_ONCE", 2**20)
    path.write_text(f'[1, "{"a" * 2 * LINE_BYTES}"]')
    with pytest.raises(DataError, match=r"a\.json: an entry is longer than 16,777,216 char"):
        list(read_entries(path))
    path.write_text(f'[1, }}, "{"a" * 2 * LINE_BYTES}"]')
    with pytest.raises(ValueError, match=r"Expecting value: line 1 column 5"):
        list(read_entries(path))
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(RECORDS_BYTES + 1)  # a hole
    with pytest.raises(DataError, match=r"large\.json: expected at most 2,147,483,648 bytes"):
        list(read_entries(tmp_path / "large.json"))


@given(text=st.text(alphabet='[]{}",:0123456789.eE-+ \ntruefalsn\\u', max_size=12))
@example(text="[1.]")
@example(text="[1e5, 1.5e-3]")
@example(text="[1e]")
@example(text="[1,]")
@example(text="[1 2]")
@example(text="[1]]")
@example(text="[1] x")
@example(text="")
@example(text='{"a": 1}')
@example(text="5")
@example(text="[Infinity, -Infinity, NaN]")
@example(text="﻿[1]")
def test_any_text_is_read_or_refused_as_json_does(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    assert _outcome(read_entries, path) == _outcome(_whole, path)


def test_bytes_that_are_no_utf8_are_named_by_their_place_in_the_file(path: Path) -> None:
    path.write_bytes(b'["' + b"a" * 600_000 + b'\xff"]')
    with pytest.raises(UnicodeDecodeError, match="position 600002"):
        list(read_entries(path))


def test_entries_come_before_the_rest_is_read(path: Path) -> None:
    path.write_text("[1, 2," + " " * 600_000 + "x", encoding="utf-8")
    entries = read_entries(path)
    assert [next(entries), next(entries)] == [1, 2]
    with pytest.raises(json.JSONDecodeError, match="char 600006"):
        next(entries)


def test_half_of_a_surrogate_pair_is_refused(path: Path) -> None:
    path.write_text(r'[{"a": "\ud83d\ude00"}]')
    assert list(read_entries(path)) == [{"a": "😀"}]
    path.write_text(r'[1, {"a": "\ud800"}]')
    with pytest.raises(DataError, match=r"a\.json: not valid JSON: half of a surrogate pair in "):
        list(read_entries(path))
