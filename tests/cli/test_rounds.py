"""`--rounds` and `--mirror` of networks that move boxes, through the commands."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from builders import write_voc
from commands import call
from networks import moving_network, network
from proposing import propose_randomly

from detect.data import open_dataset
from detect.errors import UsageError
from detect.models import compiled
from detect.models.checkpoints import save_model
from detect.stages.load import load
from detect.storage.proposals import ProposalFile
from detect.storage.scores import ScoresFile

ROUNDS = ("--rounds", 3, "--again", 5)
KINDS = ("agnostic", "classwise")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set, its proposals, and two networks of either kind."""
    root = tmp_path_factory.mktemp("rounds")
    write_voc(root / "voc", {"test": 3}, seed=1)
    propose_randomly(open_dataset(root / "voc", "test"), root / "p.parquet", 25)
    for kind in KINDS:
        for number in range(2):
            save_model(root / f"{kind}{number}.safetensors", *moving_network(number, kind))
    save_model(root / "still.safetensors", *network())
    return root


def run(root: Path, out: Path, *more: object, models: tuple[str, ...] = ("agnostic0",)) -> int:
    given = [word for name in models for word in ("--model", root / f"{name}.safetensors")]
    stored = ("--split", "test", "--proposals", root / "p.parquet", "--no-pictures")
    exact = ("--device", "cpu", "--precision", "float32", "--out", out)
    return call("run", root / "voc", *stored, *given, *exact, *more)


def found(folder: Path) -> bytes:
    return (folder / "detections.json").read_bytes()


def recipe(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config.toml").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "more", [(), ("--vote", 0.4), ("--kind", "soft-nms", "--mirror"), ("--kind", "wbf")]
)
def test_kept_scores_of_all_rounds_recombine_to_what_was_written(
    root: Path, tmp_path: Path, kind: str, more: tuple[object, ...]
) -> None:
    models = (f"{kind}0", f"{kind}1")
    told = (*ROUNDS, "--keep-scores", *more)
    assert run(root, tmp_path / "run", *told, models=models) == 0
    assert call("ensemble", tmp_path / "run", "--out", tmp_path / "again") == 0
    assert found(tmp_path / "again") == found(tmp_path / "run")
    assert run(root, tmp_path / "once", *more, models=models) == 0
    assert found(tmp_path / "once") != found(tmp_path / "run")
    kept = ScoresFile(tmp_path / "run")
    # Fewer where a region stays: one that fills the image cannot grow.
    assert all(25 + 5 < len(row.boxes) <= 25 + 2 * 5 for row in kept)
    assert (kept.card.rounds, kept.card.again) == (3, 5)
    for name in ("run", "again"):
        told = recipe(tmp_path / name)
        assert (told["rounds"], told["again"]) == (3, 5)


def test_one_round_is_what_a_run_is_anyway(root: Path, tmp_path: Path) -> None:
    assert run(root, tmp_path / "a") == run(root, tmp_path / "b", "--rounds", 1) == 0
    assert found(tmp_path / "a") == found(tmp_path / "b")
    assert (tmp_path / "a/config.toml").read_text() == (tmp_path / "b/config.toml").read_text()
    assert (recipe(tmp_path / "a")["rounds"], recipe(tmp_path / "a")["again"]) == (1, 0)


def test_it_resumes_with_the_rounds_it_began_with(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, tmp_path / "run", *ROUNDS) == 0
    for more, said in (
        ((), "it has 'rounds = 3', now 'rounds = 1'"),
        (("--rounds", 3, "--again", 6), "it has 'again = 5', now 'again = 6'"),
        ((*ROUNDS, "--mirror"), "it has 'mirror = false', now 'mirror = true'"),
    ):
        assert run(root, tmp_path / "run", "--resume", *more) == 4
        assert said in capsys.readouterr().err
    assert run(root, tmp_path / "run", "--resume", *ROUNDS) == 0


@pytest.mark.parametrize("more", [{}, {"mirror": True, "vote": 0.5}])
def test_a_detector_finds_what_a_run_finds(
    root: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    words = [word for name, value in more.items() for word in (f"--{name}", value)]
    assert run(root, tmp_path / "run", *ROUNDS, *(w for w in words if w is not True)) == 0
    told = {"rounds": 3, "again": 5, "device": "cpu", "precision": "float32", **more}
    with pytest.warns(match="no note of the proposals"):
        detector = load(root / "agnostic0.safetensors", **told)
    sample = open_dataset(root / "voc", "test").samples[0]
    proposals = ProposalFile(root / "p.parquet").read(sample.image_id)
    entries = json.loads(found(tmp_path / "run"))
    expected = [one for one in entries if one["image_id"] == sample.image_id]
    assert detector(sample.path, proposals).to_coco() == expected
    every = detector.candidates(sample.path, proposals)
    assert len(every) > len(expected)


@pytest.mark.parametrize(
    ("more", "model", "code", "said"),
    [
        (("--again", 5), "agnostic0", 2, "--again means nothing without --rounds"),
        (("--rounds", 0), "agnostic0", 2, "Invalid value for '--rounds': 0 is not in the range"),
        ((*ROUNDS, "--again", 0), "agnostic0", 2, "Invalid value for '--again': 0 is not in"),
        ((*ROUNDS, "--regression", "off"), "agnostic0", 2, "--rounds 3 and --regression off: what"),
        ((*ROUNDS, "--svm", "s"), "agnostic0", 2, "--rounds 3 and --svm s: what is cropped again"),
        (ROUNDS, "still", 4, "--rounds 3: the models move no boxes, so there is nothing to look"),
    ],
)
def test_rounds_without_moved_regions_are_refused(
    root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[object, ...],
    model: str,
    code: int,
    said: str,
) -> None:
    assert run(root, tmp_path / "run", *more, models=(model,)) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") <= 2


@pytest.mark.slow
def test_compiled_networks_find_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    assert run(root, tmp_path / "run", *ROUNDS, "--mirror") == 0
    assert run(root, tmp_path / "compiled", *ROUNDS, "--mirror", "--compile", "on") == 0
    one, other = (json.loads(found(tmp_path / name)) for name in ("run", "compiled"))
    assert len(one) == len(other) > 0
    for entry, same in zip(one, other, strict=True):
        assert entry["bbox"] == pytest.approx(same["bbox"], abs=0.01)
        assert entry["score"] == pytest.approx(same["score"], abs=1e-4)


def test_a_regression_of_its_own_has_no_rounds() -> None:
    with pytest.raises(UsageError, match=r"^rounds=2 and regression=r\.safetensors: what is"):
        load("none.safetensors", rounds=2, regression="r.safetensors")


def test_what_rounds_chose_with_all_networks_is_said_of_fewer(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    models = ("agnostic0", "agnostic1")
    assert run(root, tmp_path / "run", *ROUNDS, "--keep-scores", models=models) == 0
    capsys.readouterr()
    one = ("ensemble", tmp_path / "run", "--out", tmp_path / "again", "--exist-ok")
    assert call(*one) == 0
    assert capsys.readouterr().err == ""
    assert call(*one, "--models", 0) == 0
    assert "later regions lie where all networks moved them" in capsys.readouterr().err
    assert call(*one, "--regression", "off") == 2
    said = "is of 3 rounds, and the regions of the later ones were moved. Leave it out."
    assert said in capsys.readouterr().err
