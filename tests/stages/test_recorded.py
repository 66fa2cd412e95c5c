"""What proposes for a trained network is what proposed for its training."""

from pathlib import Path
from typing import Any

import pytest
from networks import multibox, network

from detect.errors import DataError, UsageError
from detect.files import write_json
from detect.models.checkpoints import save_model
from detect.models.model_files import model_hash
from detect.progress import Silence
from detect.proposals.settings import SearchSettings
from detect.stages.recorded import recorded_source
from detect.stages.sources import MultiBoxChoice, make_source, recorded_settings

SETTINGS = SearchSettings(ks=(300,), sigma=0.5)
WEIGHTS = "weights/best.safetensors"


def opened(*runs: Path, multibox: Path | None = None) -> tuple[dict[str, Any], list[str]]:
    """Return the recipe of the source for `runs`, and the warnings."""
    warned: list[str] = []

    class Listener(Silence):
        def warn(self, line: str, /) -> None:
            warned.append(line)

    given = [] if multibox is None else [multibox]
    return recorded_source(runs, given, "cpu", Listener()).recipe, warned


def noted(folder: Path, proposals: object) -> Path:
    """Write a record of a run trained on `proposals`; return the run's folder."""
    write_json(folder / "environment.json", {"proposals": proposals})
    return folder


def recipe_of(method: str, *models: Path, **more: Any) -> dict[str, Any]:
    """Return the recipe of proposals made by `method`, with the seed 3."""
    return make_source(method, SETTINGS, 3, MultiBoxChoice(models, "cpu", "float32", **more)).recipe


def test_selective_search_has_the_settings_and_the_seed_of_the_training(tmp_path) -> None:
    recipe = recipe_of("selective-search")
    run = noted(tmp_path / "mine", {**recipe, "data": "x", "images": 5})
    for path in (run, run / WEIGHTS):
        assert opened(path) == (recipe, [])
    save_model(tmp_path / "mb.safetensors", *multibox())
    with pytest.raises(UsageError, match=r"^multibox: .* of selective-search alone\. Give what"):
        opened(run, multibox=tmp_path / "mb.safetensors")


def test_a_note_that_names_no_search_is_of_opencvs_unless_another_is_asked_for(tmp_path) -> None:
    recipe = recipe_of("selective-search")
    assert recipe["parameters"].pop("search") == "own"
    run = noted(tmp_path / "mine", recipe)
    assert opened(run) == (recipe, [])
    for search in ("own", "opencv"):
        source = recorded_source([run], (), "cpu", Silence(), search=search)
        assert recorded_settings(source.recipe["parameters"]).search == search


@pytest.mark.parametrize(
    "place",
    [
        f"train-multibox/a/{WEIGHTS}",
        f"train-classifier/b/{WEIGHTS}",
        "train-classifier/c.safetensors",
    ],
)
def test_multibox_is_known_by_its_hash_beside_the_run(place, tmp_path) -> None:
    save_model(tmp_path / place, *multibox())
    save_model(tmp_path / "train-classifier/other.safetensors", *multibox(seed=1))
    save_model(tmp_path / "train-classifier/a.safetensors", *network())
    recipe = recipe_of("both", tmp_path / place, boxes=7, views="whole", nms=0.0)
    ensemble = tmp_path / "train-classifier/e"
    write_json(ensemble / "ensemble.json", {"networks": 1, "finished": [{}]})
    for folder in (tmp_path / "train-classifier/mine", ensemble / "1"):
        assert opened(noted(folder, {**recipe, "data": "x"})) == (recipe, [])


def test_multibox_elsewhere_is_given(tmp_path) -> None:
    there, other = tmp_path / "far/mb.safetensors", tmp_path / "other.safetensors"
    save_model(there, *multibox())
    save_model(other, *multibox(seed=1))
    recipe = recipe_of("multibox", there)
    run = noted(tmp_path / "near/runs/mine", recipe)
    fallen_back, (line,) = opened(run)
    assert fallen_back["method"] == "selective-search"
    wanted = model_hash(there)
    assert line.startswith(f"{run}: trained on proposals of the MultiBox network {wanted}, which")
    assert line.endswith("Proposing by Selective Search, preset rcnn.")
    assert opened(run, multibox=there) == (recipe, [])
    with pytest.raises(UsageError, match=rf"^multibox: .* network {wanted}, which is not given\."):
        opened(run, multibox=other)
    with pytest.raises(DataError, match="no such model"):
        opened(run, multibox=tmp_path / "nothing.safetensors")


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (None, "no note of the proposals that it was trained on"),
        ({"method": "import"}, "trained on proposals that were not made by detect propose"),
        ({"method": "both", "parameters": {}}, "its proposals are not understood"),
        ({"method": "selective-search", "parameters": 3}, "its proposals are not understood"),
    ],
)
def test_without_a_usable_note_one_line_says_what_proposes(note, text, tmp_path) -> None:
    recipe, (line,) = opened(noted(tmp_path / "mine", note))
    assert recipe["parameters"]["ks"] == [50, 100]
    assert line.startswith(str(tmp_path / "mine"))
    assert f"{text}. Proposing by Selective Search, preset rcnn." in line


def test_networks_that_were_trained_otherwise_are_told(tmp_path) -> None:
    recipe = recipe_of("selective-search")
    first, like_it = (noted(tmp_path / name, {**recipe, "data": name}) for name in "ab")
    other = noted(tmp_path / "c", {**recipe, "parameters": {}})
    assert opened(first, like_it) == (recipe, [])
    assert opened(first, like_it, other) == (
        recipe,
        [f"trained on different proposals: proposing as for {first}."],
    )
