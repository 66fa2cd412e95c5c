"""What is chosen where the paper is silent reads the same in the report and in docs/paper.md."""

from pathlib import Path

from detect.report.choices import CHOICES

PAGE = Path(__file__).parents[2] / "docs/paper.md"


def test_every_choice_of_the_report_is_documented_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("## What the paper leaves open\n")[2]
    table = [line for line in text.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    assert table[1:] == [f"| {' | '.join(row)} |" for row in CHOICES]
