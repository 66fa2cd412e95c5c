"""tools/table1.py: which rows of Table 1 do not follow from its layer shapes."""

import runpy
from pathlib import Path

import pytest

main = runpy.run_path(str(Path(__file__).parents[2] / "tools/table1.py"))["main"]


def test_rows_that_differ_are_marked_and_the_totals_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].strip() for line in lines[2:] if "*" in line] == [
        "convolution 7x7/2",
        *(f"inception ({name})" for name in ("4a", "4c", "4d", "4e", "5a", "5b")),
    ]
    row = " ".join(lines[6].split())
    assert row == "inception (3a) 28x28x256 / 28x28x256 159.5 / 159 128.0 / 128"
    assert lines[-1] == (
        "6,998,552 parameters (13,378,280 with both auxiliary classifiers), 1.58 G multiply-adds"
    )


def test_an_unknown_variant_exits_with_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vgg"]) == 2
    assert capsys.readouterr().err == "usage: python tools/table1.py [paper|bn|torchvision]\n"
