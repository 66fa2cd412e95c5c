"""Durations and sizes as people say them."""

import pytest

from detect.costs.units import bytes_text, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.036, "36 ms"),
        (0.0024, "2.4 ms"),
        (0.56, "0.56 s"),
        (1.84, "1.8 s"),
        (89, "89 s"),
        (90, "1.5 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2.0 days"),
        (98.4 * 86400, "98 days"),
        (1234 * 86400, "1,234 days"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "?"),
        (12, "0.01 KB"),
        (3_900_000, "3.9 MB"),
        (172_384_173, "172 MB"),
        (11_300_000_000, "11 GB"),
        (2.5e12, "2.5 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert bytes_text(count) == text
