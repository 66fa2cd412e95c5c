"""`demo` called from Python, and the commands that it says do the same."""

import json
import shlex
from pathlib import Path

import pytest

from detect.cli import group
from detect.cli.declaring import told
from detect.config import RegionClassifierRecipe, load_recipe
from detect.demo import DemoOptions, demo
from detect.demo.steps import RECIPE, pipeline_steps
from detect.errors import UsageError
from detect.stages import (
    EvaluateOptions,
    ProposeOptions,
    RecallOptions,
    RunOptions,
    TrainClassifierOptions,
    VisualizeOptions,
)


@pytest.mark.parametrize("again", [{}, {"resume": True}, {"resume": False, "exist_ok": True}])
def test_each_command_shown_means_the_options_of_its_step(again: dict[str, bool]) -> None:
    for step in pipeline_steps(Path("a folder"), DemoOptions(steps=5, device="cpu", **again)):
        program, name, *rest = shlex.split(step.line)
        assert program == "detect"
        command = group.get_command(None, name)  # type: ignore[arg-type]
        context = command.make_context(name, rest)
        assert told(context, type(step.options)) == step.options
        if name == "eval":
            wanted = (EvaluateOptions, RecallOptions)
            chosen = (context.params["want_map"], context.params["want_recall"])
            assert chosen == tuple(isinstance(step.options, kind) for kind in wanted)


def test_commands_are_spelled_as_one_types_them() -> None:
    lines = [
        step.line
        for step in pipeline_steps(Path("d"), DemoOptions(steps=5, device="cpu", resume=True))
    ]
    assert lines[2] == (
        "detect train-classifier d/data --out d/model --split train --config d/demo.toml --set "
        "optimizer.steps=5 --resume --device cpu --proposals d/train.parquet"
    )
    assert "--no-pictures" in lines[3].split()


def test_the_recipe_is_one(tmp_path: Path) -> None:
    (tmp_path / "demo.toml").write_text(RECIPE, encoding="utf-8")
    assert load_recipe(RegionClassifierRecipe, tmp_path / "demo.toml").model.variant == "bn"


def test_it_returns_its_page_and_figures_and_hands_over_what_its_stages_return(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage", reason="the demo's photographs come with scikit-image")
    out, seen = tmp_path / "demo", []
    options = DemoOptions(out=str(out), scenes=12, steps=2, device="cpu")
    result = demo(options, done=lambda told, found: seen.append((type(told), found)))
    assert [kind for kind, _ in seen] == [
        ProposeOptions, ProposeOptions, TrainClassifierOptions, RunOptions,
        EvaluateOptions, RecallOptions, VisualizeOptions,
    ]  # fmt: skip
    assert result.page == out / "index.html"
    assert result.page.is_file()
    scores = json.loads((out / "map.json").read_text(encoding="utf-8"))
    assert result.score.map == scores["voc2012"]["map"]
    recall = json.loads((out / "recall.json").read_text(encoding="utf-8"))
    assert result.recall.boxes_per_image == recall["boxes_per_image"]
    assert capfd.readouterr() == ("", "")

    with pytest.raises(UsageError, match=rf"^out={out} exists already.* add resume to go on"):
        demo(options)
