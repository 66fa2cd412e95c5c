"""`report` called from Python."""

import json

import pytest
from answers import perfect, proposed
from builders import write_voc

from detect.data import open_dataset
from detect.errors import UsageError
from detect.stages import ReportOptions, report


def test_it_returns_the_page_and_its_main_figures(tmp_path, capfd):
    data = open_dataset(write_voc(tmp_path / "voc"), "test")
    perfect(tmp_path / "found/detections.json", data)
    proposed(tmp_path / "p.parquet", data)
    result = report(
        ReportOptions(
            runs=str(tmp_path / "found"),
            data=str(tmp_path / "voc"),
            split="test",
            proposals=str(tmp_path / "p.parquet"),
            out=str(tmp_path / "out"),
            pictures=0,
        )
    )
    assert result.page == tmp_path / "out/index.html"
    assert result.runs["found"]["voc2012"].map == pytest.approx(1)
    assert result.proposals["p"].recall["all"]["0.95"] == 1
    written = json.loads((tmp_path / "out/report.json").read_text())
    assert result.ceiling == written["ceiling"]
    assert capfd.readouterr() == ("", "")


def test_options_are_named_as_in_python(tmp_path):
    with pytest.raises(UsageError, match=r"^p is named twice\. Name every proposals once\.$"):
        report(ReportOptions(runs="a", data="d", proposals=["p", "./p"]))
    (tmp_path / "page").write_text("mine")
    with pytest.raises(UsageError, match=r"or add exist_ok to write over it\.$"):
        report(ReportOptions(runs="a", data="d", out=str(tmp_path)))
