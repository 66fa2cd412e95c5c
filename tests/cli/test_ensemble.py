"""`detect run --keep-scores` and `detect ensemble` through the commands."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_coco, write_voc
from commands import call
from networks import network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.models.checkpoints import save_model
from detect.storage.scores import ScoresFile

NETWORKS = 3


def _models(root: Path, places: tuple[int, ...] = tuple(range(NETWORKS))) -> list[object]:
    return [word for place in places for word in ("--model", root / f"m{place}.safetensors")]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a COCO set, regions, networks, and a run that kept their scores."""
    root = tmp_path_factory.mktemp("ensemble")
    # The set's classes in another order than the networks': labels are matched by name.
    write_coco(root / "coco", {"val": 4}, CLASSES[::-1], seed=1, objects=3)
    propose_randomly(open_dataset(root / "coco", "val"), root / "p.parquet")
    save_model(root / "m0.safetensors", *network(0))
    save_model(root / "m1.safetensors", *network(1, input_size=40))
    save_model(root / "m2.safetensors", *network(2, classes=CLASSES[::-1]))
    assert _run(root, root / "all", *_models(root), "--keep-scores", "float32") == 0
    return root


def _run(root: Path, out: Path, *more: object) -> int:
    stored = ("--proposals", root / "p.parquet", "--no-pictures", "--device", "cpu")
    return call("run", root / "coco", "--split", "val", *stored, "--out", out, *more)


@pytest.fixture
def ensemble(root: Path, tmp_path: Path):
    """Return what calls `detect ensemble` on the kept scores, into "out"."""
    return lambda *more: call("ensemble", root / "all", "--out", tmp_path / "out", *more)


def _bytes(folder: Path) -> bytes:
    return (folder / "detections.json").read_bytes()


def _entries(folder: Path) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = json.loads(_bytes(folder))
    return entries


def test_all_networks_give_the_runs_own_file(ensemble, root, tmp_path, capsys):
    assert ensemble() == 0
    assert len(_entries(root / "all")) > 20
    assert _bytes(tmp_path / "out") == _bytes(root / "all")
    assert capsys.readouterr().out.endswith("detections in 4 images\n")
    assert 'kind = "nms"' in (tmp_path / "out/config.toml").read_text()


@pytest.mark.parametrize("places", [(1,), (0, 2)])
def test_some_networks_give_what_a_run_of_them_gives(ensemble, root, tmp_path, places):
    assert _run(root, tmp_path / "run", *_models(root, places)) == 0
    assert ensemble("--models", ",".join(map(str, places))) == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "run")
    assert _bytes(tmp_path / "out") != _bytes(root / "all")


def test_the_limits_are_the_runs_unless_others_are_given(ensemble, root, tmp_path):
    limits = ("--threshold", 0.2, "--nms", 0.1, "--per-class", 2)
    assert _run(root, tmp_path / "run", *_models(root), *limits, "--keep-scores") == 0
    assert ensemble(*limits) == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "run")
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "again") == 0
    assert _bytes(tmp_path / "again") == _bytes(tmp_path / "run")


def test_keeping_scores_changes_no_detection_and_float16_halves_them(root, tmp_path):
    assert _run(root, tmp_path / "plain", *_models(root)) == 0
    assert not (tmp_path / "plain/scores.parquet").exists()
    assert _bytes(tmp_path / "plain") == _bytes(root / "all")
    assert _run(root, tmp_path / "half", *_models(root), "--keep-scores", "float16") == 0
    assert _bytes(tmp_path / "half") == _bytes(root / "all")
    whole, half = ScoresFile(root / "all"), ScoresFile(tmp_path / "half")
    for first, second in zip(whole, half, strict=True):
        assert first.scores.shape == (NETWORKS, 40, 4)
        np.testing.assert_allclose(second.scores, first.scores, atol=2**-11)


def test_mirrored_scores_are_kept_as_means_and_recombined(root, tmp_path):
    assert _run(root, tmp_path / "run", *_models(root), "--mirror", "--keep-scores") == 0
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "again") == 0
    assert _bytes(tmp_path / "again") == _bytes(tmp_path / "run")
    assert _bytes(tmp_path / "run") != _bytes(root / "all")
    assert _recipe(tmp_path / "run")["mirror"] is _recipe(tmp_path / "again")["mirror"] is True


def test_what_the_scores_are_of_stands_in_the_file(root):
    card = ScoresFile(root / "all").card
    assert card.names == ("m0", "m1", "m2")
    assert len(set(card.hashes)) == 3
    assert (card.classes, card.columns) == (CLASSES[::-1], CLASSES)
    assert card.proposals["method"] == "random"


def test_a_stopped_run_goes_on_with_its_scores(root, tmp_path, capsys):
    image = next((root / "coco/images").rglob("*30*"))
    content = image.read_bytes()
    run = (*_models(root), "--keep-scores")
    try:
        image.write_bytes(content[: len(content) // 2])
        assert _run(root, tmp_path / "out", *run) == 4
    finally:
        image.write_bytes(content)
    out = tmp_path / "out"
    assert not (out / "scores.parquet").exists()
    assert len(list((out / "unfinished-scores").iterdir())) == 2
    assert _run(root, out, *_models(root), "--resume") == 4
    assert "it has 'keep_scores = \"float32\"', now" in capsys.readouterr().err
    assert _run(root, out, *run, "--resume") == 0
    for name in ("detections.json", "scores.parquet"):
        assert (out / name).read_bytes() == (root / "all" / name).read_bytes()
    assert {path.name for path in out.iterdir()} == {
        "detections.json", "scores.parquet", "config.toml", "environment.json",
    }  # fmt: skip
    assert _run(root, out, *run, "--resume") == 0
    assert _run(root, out, *_models(root), "--exist-ok") == 0
    assert not (out / "scores.parquet").exists()


def test_weights_and_kinds_change_the_detections(ensemble, tmp_path):
    found = set()
    for more in (
        [], ["--weights", "1,2,3"], ["--kind", "soft-nms"],
        ["--kind", "soft-nms", "--sigma", 0.1], ["--kind", "soft-nms", "--decay", "linear"],
        ["--kind", "soft-nms", "--decay", "linear", "--nms", 0.6],
        ["--kind", "wbf"], ["--kind", "wbf", "--fusion-iou", 0.4],
    ):  # fmt: skip
        assert ensemble("--exist-ok", *more) == 0
        found.add(_bytes(tmp_path / "out"))
    assert len(found) == 8


SELECTIONS = [
    (),
    ("--vote", 0.7),
    ("--vote", 0.3),
    ("--vote", 0.3, "--threshold", 0.3, "--nms", 0.6),
    ("--kind", "soft-nms"),
    ("--kind", "soft-nms", "--decay", "linear", "--nms", 0.2, "--vote", 0.4),
    ("--kind", "soft-nms", "--sigma", 0.1),
    ("--kind", "wbf"),
    ("--kind", "wbf", "--fusion-iou", 0.4, "--vote", "off"),
]


def test_a_run_and_its_recombined_scores_agree_by_every_selection(ensemble, root, tmp_path):
    found = set()
    for more in SELECTIONS:
        assert _run(root, tmp_path / "run", *_models(root), "--exist-ok", *more) == 0
        assert ensemble("--exist-ok", *more) == 0
        assert _bytes(tmp_path / "out") == _bytes(tmp_path / "run")
        found.add(_bytes(tmp_path / "run"))
    assert len(found) == len(SELECTIONS)


@pytest.mark.parametrize("more", SELECTIONS[1::2])
def test_what_is_not_told_again_is_as_the_run_was_told(root, tmp_path, more):
    run = (*_models(root, (0, 2)), "--keep-scores", "float32")
    assert _run(root, tmp_path / "run", *run, *more) == 0
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "out") == 0
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "run")
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "wbf", "--kind", "wbf") == 0
    recipe, card = _recipe(tmp_path / "run"), ScoresFile(tmp_path / "run").card
    names = ("kind", "vote", "nms", "threshold", "decay", "sigma", "fusion_iou")
    assert {name: recipe[name] for name in names} == {name: getattr(card, name) for name in names}
    assert [_recipe(tmp_path / "out")[name] for name in names] == [recipe[name] for name in names]
    assert _recipe(tmp_path / "wbf")["vote"] == "off"


def _recipe(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "config.toml").read_text())


def test_equal_weights_are_none(ensemble, root, tmp_path):
    assert ensemble("--weights", "2,2,2") == 0
    assert _bytes(tmp_path / "out") == _bytes(root / "all")


def test_the_table_has_every_subset_and_agrees_with_eval(ensemble, root, tmp_path, capsys):
    table, scores = tmp_path / "table.json", tmp_path / "eval.json"
    data = ("--data", root / "coco", "--split", "val")
    assert ensemble(*data, "--json", table) == 0
    printed = capsys.readouterr().out
    figures = json.loads(table.read_text())
    assert [(one["networks"], one["subsets"]) for one in figures["sizes"]] == [
        (1, 3),
        (2, 3),
        (3, 1),
    ]
    assert len(figures["subsets"]) == 7
    assert f"mAP of 3 networks (voc2012, IoU 0.5): {100 * figures['map']:.2f} %\n" in printed
    assert "0 m0" in printed
    detections = ("--detections", tmp_path / "out/detections.json")
    assert call("eval", "--map", *data, *detections, "--json", scores) == 0
    assert json.loads(scores.read_text())["voc2012"]["map"] == figures["map"]
    by_subset = {tuple(one["networks"]): one["map"] for one in figures["subsets"]}
    assert len(set(by_subset.values())) > 3
    assert by_subset[(1, 2)] == figures["leave_one_out"][0]["map"]


def test_the_table_of_some_networks_by_another_protocol(ensemble, root, tmp_path):
    table = tmp_path / "table.json"
    more = ("--models", "2,0", "--weights", "3,1", "--protocol", "coco", "--iou", 0.4)
    assert ensemble("--data", root / "coco", "--split", "val", *more, "--json", table) == 0
    figures = json.loads(table.read_text())
    assert figures["names"] == {"2": "m2", "0": "m0"}
    assert figures["protocol"] == "coco"
    assert [one["networks"] for one in figures["subsets"]] == [[2], [0], [2, 0]]


def test_a_part_of_the_split_is_scored_on_its_own(ensemble, root, tmp_path, capsys):
    (tmp_path / "part.txt").write_text("10\n30\n")
    assert ensemble("--data", root / "coco", "--split", tmp_path / "part.txt") == 0
    assert "Warning: 2 images with scores are not in the split" in capsys.readouterr().err


@pytest.mark.slow
def test_neither_networks_nor_torch_are_loaded(root, tmp_path):
    program = (
        "import sys, detect.cli as c\n"
        "try:\n    c.main(sys.argv[1:])\n"
        "finally:\n    print([n for n in sys.modules if "
        "n.startswith(('detect.detector', 'torch'))])"
    )
    words = ["ensemble", root / "all", "--out", tmp_path / "out", "--data", root / "coco"]
    command = [sys.executable, "-c", program, *map(str, words), "--split", "val"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def _error(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err
    assert text.startswith("Error: ")
    assert text.count("\n") <= 2
    return text


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            ["--models", "0,3"],
            "different numbers of networks whose scores were kept: 0 m0, 1",
        ),
        (["--models", "1,1"], "--models 1,1: expected different numbers"),
        (["--models", "m0"], "--models m0: expected"),
        (["--weights", "1,2"], "--weights 1,2: expected 3 numbers above 0"),
        (["--weights", "1,0,2"], "Leave a network out with --models."),
        (["--weights", "1,nan,2"], "--weights nan: expected a finite number."),
        (["--sigma", "1"], "--sigma means nothing with --kind nms. Leave it out."),
        (["--fusion-iou", "1"], "--fusion-iou means nothing with --kind nms."),
        (["--kind", "soft-nms", "--nms", "1"], "--nms means nothing with --decay gaussian."),
        (["--kind", "soft-nms", "--decay", "linear", "--sigma", "1"], "--decay linear."),
        (["--protocol", "coco"], "--protocol means nothing without --data."),
        (["--json", "x"], "--json means nothing without --data."),
        (["--kind", "wbf", "--vote", "0.5"], "--vote means nothing with --kind wbf, whose boxes"),
        (["--vote", "1.5"], "--vote 1.5: expected off, or an IoU above 0 and at most 1."),
        (["--vote", "0"], "--vote 0: expected off, or an IoU above 0"),
        (["--vote", "on"], "--vote on: expected off, or an IoU above 0"),
        (["--kind", "hard"], "'hard' is not one of 'nms', 'soft-nms', 'wbf'"),
    ],
)
def test_a_wrong_option_is_a_usage_error(ensemble, tmp_path, capsys, more, expected):
    assert ensemble(*more) == 2
    assert expected in _error(capsys)
    assert not (tmp_path / "out").exists()


def test_the_runs_own_folder_is_not_written_over(root, capsys):
    before = _bytes(root / "all")
    assert call("ensemble", root / "all", "--out", root / "all", "--exist-ok") == 2
    assert "the run's own detections are there" in _error(capsys)
    assert _bytes(root / "all") == before


def test_an_earlier_result_is_not_written_over(ensemble, capsys):
    assert ensemble() == 0
    assert ensemble() == 2
    assert "exists already" in capsys.readouterr().err


def test_wrong_data_is_said(ensemble, root, tmp_path, capsys):
    assert call("ensemble", tmp_path / "none", "--out", tmp_path / "out") == 4
    assert "none: no such scores" in _error(capsys)
    write_voc(tmp_path / "voc", {"test": 1})
    assert ensemble("--data", tmp_path / "voc", "--split", "test") == 4
    assert "no scores of any image of split test; they are of split val" in _error(capsys)
    write_coco(tmp_path / "large", {"val": 2}, CLASSES, size=(100, 140))
    assert ensemble("--data", tmp_path / "large", "--split", "val") == 4
    assert "image 10 had (height, width) (96, 128) when it was run, now (100, 140)" in _error(
        capsys
    )
    write_coco(tmp_path / "other", {"val": 2}, ("circle", "square", "star"))
    assert ensemble("--data", tmp_path / "other", "--split", "val") == 4
    assert "has scores of the class triangle, which" in _error(capsys)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--sigma", "inf", "--kind", "soft-nms"), "--sigma inf: "),
        (("--seed", -1), "--seed"),
        (("--seed", 2**63), "--seed"),
        (("--weights", "1e308,1e308,1e308"), "3 numbers above 0 and at most 1e+09, one a network"),
    ],
)
def test_numbers_that_are_none_are_refused_before_the_work(
    root: Path, ensemble, tmp_path: Path, capsys, given: tuple[object, ...], said: str
) -> None:
    data = () if "--sigma" in given or "--weights" in given else ("--data", root / "coco")
    split = ("--split", "val") if data else ()
    assert ensemble(*given, *data, *split) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("error")
def test_the_smallest_sigma_lets_nothing_overlap(ensemble) -> None:
    assert ensemble("--kind", "soft-nms", "--sigma", "1e-320") == 0


def test_the_table_takes_the_place_of_no_scores_and_no_detections(
    root: Path, ensemble, tmp_path: Path, capsys
) -> None:
    data = ("--data", root / "coco", "--split", "val")
    before = (root / "all/scores.parquet").read_bytes()
    for path in (root / "all/scores.parquet", tmp_path / "out/detections.json", tmp_path / "out"):
        assert ensemble(*data, "--json", path) == 2
        assert capsys.readouterr().err == (
            f"Error: --json {path}: is read or written here. Choose another.\n"
        )
    assert (root / "all/scores.parquet").read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_a_run_over_imported_regions_is_gone_on_with_and_reported(
    root: Path, tmp_path: Path, capsys
) -> None:
    """Nobody said what made them: that is null in JSON, which TOML does not have."""
    data = open_dataset(root / "coco", "val")
    boxes = {str(sample.image_id): [[1, 1, 40, 40]] for sample in data.samples}
    np.savez(tmp_path / "boxes.npz", **boxes)
    given = ("--data", root / "coco", "--split", "val", "--out", tmp_path / "p")
    assert call("import", tmp_path / "boxes.npz", *given) == 0
    run = ("run", root / "coco", "--split", "val", *_models(root, (0,)), "--device", "cpu")
    rest = ("--proposals", tmp_path / "p", "--no-pictures", "--out", tmp_path / "out")
    assert call(*run, *rest) == 0
    assert "null" not in (tmp_path / "out/config.toml").read_text()
    assert call(*run, *rest, "--resume") == 0
    assert "already complete" in capsys.readouterr().out
    report = ("report", tmp_path / "out", "--data", root / "coco", "--split", "val")
    assert call(*report, "--out", tmp_path / "report") == 0
