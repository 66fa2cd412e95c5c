"""`detect demo`: the whole chain on a few scenes, and what it says without its photographs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PILImage

from detect.cli import main
from detect.demo import NOTICE


def _demo(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["demo", *map(str, arguments)])
    return int(str(stop.value.code))


def test_the_whole_chain_leaves_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")
    out = tmp_path / "demo"
    small = ("--scenes", "12", "--steps", "2", "--device", "cpu")
    assert _demo("--out", out, *small) == 0
    output = capsys.readouterr()
    assert f"Open in a browser: {out / 'index.html'}\n" in output.out
    assert NOTICE in output.out
    assert f"$ detect propose {out / 'data'} --split train" in output.err
    assert "4 images, 14 objects" in output.out
    assert f"4 pictures in {out / 'pictures'}\n\nDone in " in output.out

    scores = json.loads((out / "map.json").read_text(encoding="utf-8"))
    page = (out / "index.html").read_text(encoding="utf-8")
    assert NOTICE in page
    assert f"{100 * scores['voc2012']['map']:.1f} %" in page
    assert page.count("data:image/jpeg;base64,") == 3
    assert "http" not in page.replace("https://", "http://").split("</style>")[1]
    with PILImage.open(out / "sheet.png") as sheet:
        assert sheet.width > 1900
    assert len(list((out / "pictures").glob("*.jpg"))) == 4

    # Finished: nothing is trained or detected again, and no file is refused.
    weights = (out / "model/weights/best.safetensors").stat().st_mtime_ns
    assert _demo("--out", out, *small, "--resume") == 0
    assert (out / "model/weights/best.safetensors").stat().st_mtime_ns == weights


def test_an_out_folder_in_use_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "note").write_text("mine", encoding="utf-8")
    assert _demo("--out", tmp_path) == 2
    assert "exists already" in capsys.readouterr().err


def test_without_scikit_image_it_names_the_extra(tmp_path: Path) -> None:
    stub = tmp_path / "stub/skimage"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ImportError('no skimage')", encoding="utf-8")
    code = f"from detect.cli import main; main(['demo', '--out', {str(tmp_path / 'out')!r}])"
    environment = {**os.environ, "PYTHONPATH": str(stub.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1] == (
        "Error: the demo's photographs come with scikit-image, which is not installed. "
        'Install it: pip install "detect[demo]".'
    )
    assert not (tmp_path / "out").exists()
