"""tools/verify_crops.py: the sheet, the printed differences, its errors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image as Pictures

TOOL = Path(__file__).parents[2] / "tools/verify_crops.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, TOOL, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_sheet_of_a_picture_and_boxes(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Pictures.fromarray(picture).save(tmp_path / "picture.png")
    boxes = ("--box", "0", "0", "30", "50", "--box", "40", "10", "70", "20")
    sheet = tmp_path / "sheet.png"
    options = ("--image", tmp_path / "picture.png", "--crop-size", "32", "--out", sheet)
    done = run(*options, *boxes)
    assert done.returncode == 0, done.stderr
    assert "2 boxes, 32 px, warp, context 16 px at 224" in done.stdout
    assert "Caffe's formula, OpenCV:  0 of 255 levels" in done.stdout
    with Pictures.open(sheet) as written:
        assert written.format == "PNG"
        assert min(written.size) > 300


def test_a_box_caffe_would_not_take_is_named(tmp_path: Path) -> None:
    done = run("--box", "5", "5", "500", "20", "--out", tmp_path / "sheet.png")
    assert done.returncode == 2
    assert "inside the image (400 x 300 px), got [5.0, 5.0, 500.0, 20.0]" in done.stderr
    assert not list(tmp_path.iterdir())
