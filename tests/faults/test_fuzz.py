"""Damaged files: the same ones from a seed, and what goes wrong with them is seen."""

import sys

import pytest
from faults.fuzzing import BYTES, Format, damaged, outcome_of


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
