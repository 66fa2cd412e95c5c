"""`detect check` as it is typed: the lines, the exit code, the page and its JSON."""

import json
from pathlib import Path

import pytest
from builders import voc_object, voc_xml, write_voc
from commands import call

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """Return a set without a fault."""
    return write_voc(tmp_path / "voc", {"train": 20, "test": 12}, objects=3)


def _spoil(voc: Path, count: int = 5) -> None:
    """Let a box leave each of `count` images, by 10 px, 20 px and so on, and label a corner."""
    for number in range(count):
        boxes = [(1, 1, 128 + 10 * (number + 1), 50), (60, 60, 63, 63)]
        text = voc_xml("a.jpg", (96, 128), [voc_object("circle", box) for box in boxes])
        (voc / f"Annotations/train_{number:03d}.xml").write_text(text)


def test_a_clean_set(voc: Path, capsys: Capture) -> None:
    assert call("check", voc) == 0
    assert capsys.readouterr().out.splitlines() == [
        "split  images   objects  left out by --skip-bad",
        "test       12        36                       0",
        "train      20        60                       0",
        "",
        "Nothing wrong or odd was found.",
    ]


def test_errors_are_told_the_oddest_first_with_the_remedy_and_exit_with_4(
    voc: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _spoil(voc)
    monkeypatch.setenv("COLUMNS", "200")
    assert call("check", voc) == 4
    out, error = capsys.readouterr()
    where = "object 1 (circle) from (0, 0)"
    assert out.splitlines()[3:10] == [
        "",
        "error    boxes that leave their image: 5",
        f"         train_004 (train): {where} to (178, 50) leaves the image of 128x96 px by 50 px",
        f"         train_003 (train): {where} to (168, 50) leaves the image of 128x96 px by 40 px",
        f"         train_002 (train): {where} to (158, 50) leaves the image of 128x96 px by 30 px",
        "         and 2 more",
        "         -> Correct them, or leave the images out with --skip-bad.",
    ]
    assert "warning  objects too small for Selective Search: 5\n" in out
    assert "-> Propose with a smaller --min-side or by MultiBox, take" in out
    assert (
        out.splitlines()[-1]
        == "The 3 oddest of each; all with --json OUT, pictures with --out PATH."
    )
    assert error.splitlines()[-1] == "Error: 5 errors found: see the arrows above for what to do."


def test_warnings_alone_are_no_error(voc: Path, capsys: Capture) -> None:
    text = voc_xml("a.jpg", (96, 128), [voc_object("circle", (60, 60, 63, 63))])
    (voc / "Annotations/train_000.xml").write_text(text)
    assert call("check", voc) == 0
    assert "objects too small for Selective Search: 1\n" in capsys.readouterr().out


def test_json_holds_all_findings(voc: Path, tmp_path: Path, capsys: Capture) -> None:
    _spoil(voc)
    (voc / "JPEGImages/new.jpg").write_bytes(b"")
    assert call("check", voc, "--json", tmp_path / "all.json") == 4
    said = json.loads((tmp_path / "all.json").read_text())
    assert (said["images"], said["stops"]) == (32, True)
    assert said["splits"]["train"] == {"images": 20, "objects": 55, "left_out": 5}
    assert sum(counts["train"] for counts in said["objects"].values()) == 55
    assert list(said["findings"]) == ["outside", "tiny", "unlisted"]
    outside = said["findings"]["outside"]
    assert (outside["level"], outside["count"], len(outside["found"])) == ("error", 5, 5)
    assert outside["remedy"] == "Correct them, or leave the images out with --skip-bad."
    image = {"image_id": "train_004", "splits": ["train"]}
    file = str(voc / "JPEGImages/train_004.jpg")
    assert outside["found"][0]["images"] == [{**image, "file": file}]
    assert outside["found"][0]["objects"] == [1]
    assert said["findings"]["unlisted"]["found"][0]["files"] == [str(voc / "JPEGImages/new.jpg")]


def test_the_page_is_one_file_with_pictures_of_the_oddest(
    voc: Path, tmp_path: Path, capsys: Capture
) -> None:
    _spoil(voc)
    names = voc / "classes.txt"
    names.write_text(names.read_text() + "<b>odd</b>\n")
    out = tmp_path / "page"
    assert call("check", voc, "--out", out, "--pictures", 2) == 4
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "index.html")
    assert sorted(path.name for path in out.iterdir()) == ["check.json", "index.html"]
    page = (out / "index.html").read_text()
    assert page.count('<img src="data:image/jpeg;base64,') == 4  # two kinds of findings
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page
    assert "train_004 (train): object 1 (circle) from (0, 0) to (178, 50)" in page
    assert '<span class="nobr">--skip-bad</span>' in page
    assert "<b>odd" not in page
    assert "&lt;b&gt;odd&lt;/b&gt;" in page


def test_the_page_shows_files_that_cannot_be_read_without_a_picture(
    voc: Path, tmp_path: Path
) -> None:
    (voc / "JPEGImages/train_000.jpg").write_bytes(b"")
    (voc / "JPEGImages/train_001.jpg").unlink()
    text = voc_xml("a.jpg", (96, 128), [voc_object("circle", (60, 60, 63, 63))])
    (voc / "Annotations/train_000.xml").write_text(text)
    assert call("check", voc, "--out", tmp_path / "page") == 4
    page = (tmp_path / "page/index.html").read_text()
    assert page.count("<img") == 0
    assert "an empty file (0 bytes), not an image" in page


def test_out_is_not_written_over(voc: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page/mine.txt").write_text("mine")
    assert call("check", voc, "--out", tmp_path / "page") == 2
    assert "exists already. Choose another, or add --exist-ok to write over it." in (
        capsys.readouterr().err
    )
    assert call("check", voc, "--out", tmp_path / "page", "--exist-ok") == 0
    assert (tmp_path / "page/index.html").is_file()
