"""Run folders: names, resuming only the same recipe, results."""

import csv
from pathlib import Path

import pytest

from detect.errors import DataError
from detect.runs import RunFolder, describe_environment, next_run_folder


def test_names_count_up(tmp_path: Path) -> None:
    first = next_run_folder("run", "demo", tmp_path)
    assert first == tmp_path / "run/demo"
    first.mkdir(parents=True)
    second = next_run_folder("run", "demo", tmp_path)
    assert second == tmp_path / "run/demo-2"
    second.mkdir()
    assert next_run_folder("run", "demo", tmp_path) == tmp_path / "run/demo-3"


def test_resuming_another_recipe_is_refused_with_both_lines(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.start("seed = 0\n", {})
    folder.check_same("seed = 0\n")
    with pytest.raises(DataError, match=r"it has 'seed = 0', now 'seed = 1'"):
        folder.check_same("seed = 1\n")


@pytest.mark.parametrize(
    ("earlier", "now", "text"),
    [
        ("seed = 0\n", "seed = 0\nsteps = 8\n", r"it has '', now 'steps = 8'\."),
        ("seed = 0\nsteps = 8\n", "seed = 0\n", r"it has 'steps = 8', now ''\."),
        ("", "seed = 0\n", r"it has '', now 'seed = 0'\."),
        (
            "[optimizer]\nsteps = 8\n",
            "[optimizer]\nsteps = 9\n",
            r"it has 'steps = 8', now 'steps = 9' in \[optimizer\]\.",
        ),
        (
            "nms = 0.3\n\n[a]\nb = 1\n",
            "nms = 0.3\n\n[c]\nb = 1\n",
            r"it has '\[a\]', now '\[c\]'\.",
        ),
        (
            'precision = "float32"\n',
            'precision = "bfloat16"\n',
            r"""now 'precision = "bfloat16"'; give precision=float32\.""",
        ),
    ],
)
def test_a_recipe_of_more_or_fewer_lines_is_another(
    tmp_path: Path, earlier: str, now: str, text: str
) -> None:
    folder = RunFolder(tmp_path)
    folder.start(earlier, {})
    with pytest.raises(DataError, match=text):
        folder.check_same(now)


def test_a_folder_without_a_recipe_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.toml: resume needs .* it has no recipe\."):
        RunFolder(tmp_path).check_same("seed = 0\n")


def test_the_environment_comes_back_and_a_broken_one_is_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.environment() == {}
    folder.start("", {"data": "3f", "proposals": {"seed": 0}})
    assert folder.environment() == {"data": "3f", "proposals": {"seed": 0}}
    (tmp_path / "environment.json").write_text("[1]")
    with pytest.raises(DataError, match=r"environment\.json: .*a JSON object, got a list"):
        folder.environment()


def test_a_new_run_leaves_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.weights("best").parent.mkdir()
    for path in (folder.weights("best"), folder.state, tmp_path / "log.txt"):
        path.write_text("old")
    folder.start("seed = 0\n", {})
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"config.toml", "environment.json"}


def test_results_hold_every_column(tmp_path: Path) -> None:
    RunFolder(tmp_path).write_results([{"step": 1, "loss": 2.0}, {"step": 2, "val_map": 0.5}])
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"step": "1", "loss": "2.0", "val_map": ""},
        {"step": "2", "loss": "", "val_map": "0.5"},
    ]


def test_the_environment_names_no_machine() -> None:
    found = describe_environment(device="cpu", seed=3, data_hash="abc")
    assert found["packages"]["torch"] != "not installed"
    assert (found["device"], found["seed"], found["data"]) == ("cpu", 3, "abc")
    assert "host" not in str(found).lower()
