"""`explain` called from Python: what it chooses, what it refuses, what is in the page."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import write_voc
from explaining import CARD, keep_scores
from networks import network

from detect.data import open_dataset
from detect.errors import DataError, UsageError
from detect.models.checkpoints import save_model
from detect.report.explained.page import MODULES, script
from detect.report.explained.regions import MOST_BYTES, packed_regions
from detect.stages import explain
from detect.storage.scores import RegionScores, ScoresFile

SEARCH = {
    "colour_spaces": ["hsv"],
    "ks": [50],
    "strategies": ["fill"],
    "sigma": 0.8,
    "width": 100,
    "min_side": 10.0,
    "seed": 0,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a set with an odd class, and kept scores of it."""
    root = tmp_path_factory.mktemp("explain")
    names = ("circle", "</script><b>odd", "triangle")
    write_voc(root / "voc", {"test": 5}, seed=1, objects=2)
    for path in (root / "voc/Annotations").glob("*.xml"):
        text = path.read_text().replace("<name>square", "<name>&lt;/script>&lt;b>odd")
        path.write_text(text)
    (root / "voc/classes.txt").write_text("".join(f"{name}\n" for name in names))
    keep_scores(root / "voc", "test", root / "run", rounds=1)
    return root


def data_of(page: Path) -> dict[str, Any]:
    """Return what the scripts of `page` read."""
    found = re.search(r'id="data">(.*)</script>', page.read_text(encoding="utf-8"))
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def test_it_chooses_the_best_the_worst_and_the_most_surprising(world: Path, tmp_path: Path) -> None:
    result = explain(world / "run", data=world / "voc", split="test", out=tmp_path / "page")
    words = {word for why in result.images.values() for word in why.split(", ")}
    assert words == {"best", "worst", "surprising"}
    assert result.page == tmp_path / "page/index.html"
    assert result.size == result.page.stat().st_size
    data = data_of(result.page)
    assert [image["id"] for image in data["images"]] == list(result.images)
    assert all(image["superpixels"] is None for image in data["images"])
    assert data["about"]["settings"]["kind"] == "nms"


def test_the_page_loads_nothing_and_reads_no_name_as_html(world: Path, tmp_path: Path) -> None:
    result = explain(
        world / "run", data=world / "voc", split="test", image="test_000", out=tmp_path / "page"
    )
    page = result.page.read_text(encoding="utf-8")
    assert "http" not in page.replace("http-equiv", "")
    assert "default-src 'none'" in page
    assert page.count("</script>") == 2  # of the data, of the modules
    assert "<b>odd" not in page
    assert "</script><b>odd" in data_of(result.page)["about"]["classes"]
    assert "{{" not in page


def test_one_script_is_made_of_the_modules() -> None:
    text = script()
    names = re.findall(r"^(?:async )?(?:function|const|class|let) (\w+)", text, re.MULTILINE)
    assert len(names) == len(set(names))
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    assert "</script" not in text
    folder = Path(__file__).parents[2] / "detect/report/explained/page"
    assert {path.stem for path in folder.glob("*.mjs")} == set(MODULES)


def test_superpixels_are_those_of_the_search_that_the_run_notes(
    world: Path, tmp_path: Path
) -> None:
    proposals = {"method": "selective-search", "parameters": SEARCH}
    run = keep_scores(world / "voc", "test", tmp_path / "run", proposals=proposals)
    told = {"data": world / "voc", "split": "test", "image": ("test_001", "test_000")}
    result = explain(run, **told, out=tmp_path / "page")
    assert list(result.images) == ["test_000", "test_001"]
    (own, _) = (image["superpixels"] for image in data_of(result.page)["images"])
    assert (own["width"], own["height"]) == (100, 75)
    assert (own["colourSpace"], own["k"], own["strategy"]) == ("hsv", 50, "fill")
    other = explain(run, **told, colour_space="lab", k=80, out=tmp_path / "other")
    own = data_of(other.page)["images"][0]["superpixels"]
    assert (own["colourSpace"], own["k"]) == ("lab", 80)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"image": "nobody"}, "image=nobody: no image of split test with scores; there are test_0"),
        ({"k": 50}, "k: the regions of this run are not of Selective Search"),
    ],
)
def test_what_is_not_there_is_refused(
    world: Path, tmp_path: Path, more: dict[str, Any], text: str
) -> None:
    with pytest.raises(UsageError, match=f"^{text}"):
        explain(world / "run", data=world / "voc", split="test", out=tmp_path / "page", **more)


def test_a_run_without_kept_scores_is_told_what_to_do(world: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"no such scores\. Scores are kept by .*keep_scores"):
        explain(tmp_path / "run", data=world / "voc", split="test", out=tmp_path / "page")


def test_images_without_annotations_are_shown_too(world: Path, tmp_path: Path) -> None:
    images = world / "voc/JPEGImages"
    known = {"columns": ("a",), "classes": ("a",), "category_ids": (1,)}
    run = keep_scores(images, None, tmp_path / "run", **known)
    result = explain(run, data=images, out=tmp_path / "page")
    assert len(result.images) == 1
    assert data_of(result.page)["about"]["annotated"] is False


def test_a_large_image_leaves_out_the_lowest_scores(world: Path) -> None:
    dataset = open_dataset(world / "voc", "test")
    (row, *_) = ScoresFile(world / "run")
    rng = np.random.default_rng(0)
    count, classes = 20_000, len(dataset.classes)
    scores = rng.dirichlet(np.ones(classes + 1), (2, count)).astype(np.float32)
    boxes = np.resize(row.boxes, (count, 4))
    large = RegionScores("a", row.size, boxes, np.full(count, "x"), scores)
    values, pairs = packed_regions(large, CARD, ("x",))
    assert (
        sum(len(values[name][1]) for name in values["arrays"] if values[name]) < MOST_BYTES * 4 / 3
    )
    assert 0.01 < pairs.floor < 1
    highest = scores[:, :, :-1].max(axis=0)
    assert len(pairs.rows) == (highest >= np.float32(pairs.floor)).sum()
    assert values["pairsLeftOut"] == (highest >= np.float32(0.01)).sum() - len(pairs.rows) > 0
    assert values["boxesLeftOut"] > 0


def test_an_image_without_regions_has_empty_numbers(world: Path) -> None:
    (row, *_) = ScoresFile(world / "run")
    none = RegionScores(
        "a", row.size, row.boxes[:0], row.sources[:0], row.scores[:, :0], row.deltas
    )
    values, pairs = packed_regions(none, CARD, ("x",))
    assert len(pairs.rows) == values["pairsLeftOut"] == values["boxesLeftOut"] == 0
    assert pairs.floor == CARD.threshold


def test_crops_are_cut_as_a_network_cuts_them(world: Path, tmp_path: Path) -> None:
    save_model(tmp_path / "m.safetensors", *network(context=8.0))
    told = {"data": world / "voc", "split": "test", "image": "test_000"}
    result = explain(world / "run", **told, model=tmp_path / "m.safetensors", out=tmp_path / "page")
    crop = data_of(result.page)["about"]["crop"]
    assert (crop["context"], crop["mode"], crop["known"]) == (8, "warp", True)
    with pytest.raises(DataError, match="nothing"):
        explain(world / "run", **told, model=tmp_path / "nothing", out=tmp_path / "other")


@pytest.mark.parametrize(("classes", "regions"), [(1, 1), (200, 400)])
def test_one_box_of_one_class_and_many_of_many(tmp_path: Path, classes: int, regions: int) -> None:
    names = tuple(f"class {number}" for number in range(classes))
    write_voc(tmp_path / "voc", {"test": 1}, names[:1], objects=1)
    (tmp_path / "voc/classes.txt").write_text("".join(f"{name}\n" for name in names))
    told = tmp_path / "voc", "test", tmp_path / "run"
    keep_scores(*told, regions=regions, columns=names)
    result = explain(tmp_path / "run", data=told[0], split="test", out=tmp_path / "page")
    data = data_of(result.page)
    assert data["about"]["classes"] == list(names)
    (image,) = data["images"]
    assert sum(len(image[name][1]) for name in image["arrays"] if image[name]) < 300_000
