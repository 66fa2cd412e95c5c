"""A thousand damaged files: read, or refused in words; no crash, no hang, no full memory."""

import sys

import pytest
from faults.formats import FORMATS
from faults.fuzzing import BYTES, Format, damaged, fuzz, outcome_of


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by /proc and RLIMIT_AS")
def test_damaged_files_are_read_or_refused_in_words() -> None:
    outcomes, faults = fuzz(FORMATS, inputs=1000)
    assert [f"{one.name} #{one.number} ({one.damage}): {one.what}" for one in faults] == []
    assert outcomes.total() == 1000


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, content = Format(lambda path: path, lambda path: None), bytes(range(200))
    first = [damaged("x", one, content, number, seed=3) for number in range(20)]
    assert first == [damaged("x", one, content, number, seed=3) for number in range(20)]
    assert first != [damaged("x", one, content, number, seed=4) for number in range(20)]
    assert {name for name, _ in first} == {damage.__name__ for damage in BYTES}


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by /proc and RLIMIT_AS")
def test_crashes_and_full_memory_are_seen() -> None:
    def crash() -> None:
        raise KeyError("x")

    assert outcome_of(lambda: None) == "read"
    assert outcome_of(crash).startswith("fault: KeyError at test_fuzz.py")
    assert outcome_of(lambda: bytearray(2**32)).startswith("fault: MemoryError")
