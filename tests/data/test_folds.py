"""Folds: by the id alone, every image in exactly one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detect.data.folds import in_fold


@given(st.text(), st.integers(2, 9))
def test_every_image_is_in_exactly_one_fold(image_id: str, count: int):
    assert sum(in_fold(image_id, f"{index}/{count}") for index in range(1, count + 1)) == 1


@pytest.mark.parametrize("fold", ["1/2", "3/5", "9/9"])
def test_the_fold_is_the_crc_of_the_id(fold: str) -> None:
    # The check value of CRC-32: 0xCBF43926 of "123456789", which is 0 mod 2, 2 mod 5, 8 mod 9.
    assert in_fold("123456789", fold)


@pytest.mark.parametrize("fold", ["", "1", "0/2", "3/2", "1/1", "a/b", "1/2/3", "-1/2"])
def test_other_forms_are_refused(fold: str):
    with pytest.raises(ValueError, match="expected I/N with I from 1 to N"):
        in_fold("cat", fold)
