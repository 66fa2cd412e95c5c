"""A trained network as one object: images in, detections out."""

import json
from pathlib import Path

import numpy as np
import pytest
from builders import CLASSES, write_voc
from networks import network
from proposing import propose_randomly

from detect.data import open_dataset, read_pixels
from detect.errors import DataError, DetectWarning, UsageError
from detect.files import write_json
from detect.images import read_image
from detect.models.box_regression import BoxRegression
from detect.models.checkpoints import Fitted, save_fitted, save_model
from detect.models.kinds import BOX_REGRESSION, LINEAR_SVMS
from detect.models.model_files import model_hash
from detect.models.svm import LinearSvms
from detect.stages import run
from detect.stages.load import Detector, load
from detect.storage.proposals import ProposalFile
from detect.structures import Detections

# The models here are no runs: how their regions were proposed is not known, as the last test says.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no note of the proposals that it was trained on:detect.errors.DetectWarning"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a VOC set `voc` and two models, `m` and `n`."""
    root = tmp_path_factory.mktemp("front")
    write_voc(root / "voc", {"train": 4, "test": 3}, seed=1)
    for seed, name in enumerate("mn"):
        save_model(root / f"{name}.safetensors", *network(seed))
    return root


@pytest.fixture(scope="module")
def photo(root: Path) -> Path:
    return root / "voc/JPEGImages/test_000.jpg"


@pytest.fixture(scope="module")
def detector(root: Path) -> Detector:
    return load(root / "m.safetensors", device="cpu", precision="float32")


def same(found: Detections, expected: Detections) -> None:
    np.testing.assert_array_equal(found.boxes, expected.boxes)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


def test_pixels_and_a_path_are_one_image(detector, photo) -> None:
    by_path, by_text = detector(photo), detector(str(photo))
    same(by_text, by_path)
    by_pixels = detector(read_image(photo))
    order = [np.lexsort(one.boxes.T) for one in (by_pixels, by_path)]
    same(by_pixels.take(order[0]), by_path.take(order[1]))
    assert (by_path.image_id, by_pixels.image_id) == ("test_000", None)


def test_it_finds_what_run_finds(detector, root, photo, tmp_path) -> None:
    images = sorted(photo.parent.glob("test_*.jpg"))
    result = run(
        images,
        model=root / "m.safetensors",
        out=tmp_path / "run",
        device="cpu",
        precision="float32",
        pictures=False,
    )
    found = detector(images)
    entries = json.loads(result.path.read_text())
    assert [entry for one in found for entry in one.to_coco()] == entries


def test_many_images_are_taken_one_by_one(detector, photo) -> None:
    images = (photo, read_image(photo))
    found = detector(iter(images))
    assert [one.image_id for one in found] == ["test_000", None]
    same(found[0], detector(photo))
    assert detector([]) == []


def test_proposals_that_are_given_are_scored(detector, root, photo, tmp_path) -> None:
    data = open_dataset(str(root / "voc"), "test")
    propose_randomly(data, tmp_path / "p.parquet")
    stored = ProposalFile(tmp_path / "p.parquet")
    each = [stored.read(sample.image_id) for sample in data.samples]
    images = [read_pixels(sample) for sample in data.samples]
    found = detector(images, each)
    assert [one.image_id for one in found] == [sample.image_id for sample in data.samples]
    same(detector(photo, each[0]), found[0])
    assert {tuple(box) for box in found[0].boxes} <= {tuple(box) for box in each[0].boxes}
    with pytest.raises(UsageError, match=r"^proposals: expected one Proposals for each"):
        detector(images, each[:2])
    with pytest.raises(UsageError, match=r"^proposals: expected one Proposals for each"):
        detector(images, each[0])
    with pytest.raises(UsageError, match=r"^proposals: expected Proposals of the image, got list"):
        detector(images[0], each)
    with pytest.raises(DataError, match="its proposals were made on"):
        detector(images[0][:50], each[0])


def test_detections_are_what_nms_leaves_of_the_candidates(detector, root, photo) -> None:
    found, before = detector(photo), detector.candidates(photo)
    assert len(before) > len(found) > 0
    assert (np.diff(before.scores) <= 0).all()
    assert before.scores.min() >= 0.01
    assert (before.image_id, before.classes) == ("test_000", CLASSES)
    rows = {(*box, name) for box, name, _ in before}
    assert {(*box, name) for box, name, _ in found} < rows
    told = {"device": "cpu", "precision": "float32", "nms": 1, "per_class": 10_000}
    same(load(root / "m.safetensors", **told)(photo), before)
    assert detector.candidates(read_image(photo)).image_id is None


@pytest.mark.parametrize(
    "more",
    [{"vote": 0.4}, {"kind": "wbf"}, {"kind": "soft-nms", "sigma": 1}, {"mirror": True}],
)
def test_it_selects_as_run_does(root, photo, tmp_path, detector, more) -> None:
    told = {"model": root / "m.safetensors", "device": "cpu", "precision": "float32", **more}
    result = run(photo, out=tmp_path / "run", pictures=False, **told)
    found = load(**told)(photo)
    assert found.to_coco() == json.loads(result.path.read_text())
    assert len(found) > 0
    if more != {"kind": "wbf"}:  # Of one network nothing is fused.
        assert found.to_coco() != detector(photo).to_coco()


@pytest.fixture
def svms(root, tmp_path) -> Path:
    """Return a file of SVMs that score every region -2, 3.5 and -0.5."""
    model, _ = network()
    weights = np.zeros((model.network.fc.in_features, len(CLASSES)))
    counts = np.full(len(CLASSES), 9)
    fitted = LinearSvms(1.0, weights, np.array([-2.0, 3.5, -0.5]), counts, counts)
    own = model_hash(root / "m.safetensors")
    save_fitted(tmp_path / "s.safetensors", LINEAR_SVMS, Fitted(fitted, CLASSES, own, {}))
    return tmp_path / "s.safetensors"


def test_svm_scores_vote_with_what_is_above_zero(root, svms, photo) -> None:
    options = {"svm": svms, "device": "cpu"}
    plain = load(root / "m.safetensors", **options)(photo)
    voted = load(root / "m.safetensors", vote=0.4, **options)(photo)
    stay = (voted.boxes == plain.boxes).all(axis=1)
    assert stay[voted.scores < 0].all()
    assert not stay[voted.scores > 0].all()
    with pytest.raises(UsageError, match=r"^kind=soft-nms and svm: soft-nms and wbf need"):
        load(root / "m.safetensors", kind="soft-nms", **options)


@pytest.mark.parametrize("vote", [0, 1.5, True, float("nan"), "on"])
def test_a_vote_that_is_none_is_refused(root, vote) -> None:
    with pytest.raises(UsageError, match=rf"^vote={vote}: expected off, or an IoU above 0"):
        load(root / "m.safetensors", vote=vote)
    with pytest.raises(UsageError, match=r"^vote means nothing with kind=wbf, whose boxes are"):
        load(root / "m.safetensors", kind="wbf", vote=0.5)


def test_an_ensemble_is_its_networks_together(root, tmp_path, photo) -> None:
    for number, name in enumerate("mn", 1):
        weights = tmp_path / f"e/{number}/weights/best.safetensors"
        save_model(weights, *network("mn".index(name)))
    write_json(tmp_path / "e/ensemble.json", {"networks": 2, "finished": [{}, {}]})
    several = load([root / "m.safetensors", root / "n.safetensors"], device="cpu")
    same(load(tmp_path / "e", device="cpu")(photo), several(photo))


def test_box_regression_moves_as_refine_does(root, tmp_path, photo, detector) -> None:
    model, _ = network()
    weights = np.zeros((len(CLASSES), model.network.fc.in_features + 1, 4))
    weights[:, -1, 0] = 0.1  # a tenth of its width to the right
    stored = Fitted(
        BoxRegression(1.0, weights, np.full(len(CLASSES), 9)),
        CLASSES,
        model_hash(root / "m.safetensors"),
    )
    save_fitted(tmp_path / "r.safetensors", BOX_REGRESSION, stored)
    options = {"regression": tmp_path / "r.safetensors", "device": "cpu", "precision": "float32"}
    moved = load(root / "m.safetensors", nms=1, **options)
    plain = load(root / "m.safetensors", nms=1, device="cpu", precision="float32")
    before, after = plain(photo), moved(photo)
    assert (before.boxes[:, 2] < 100).any()
    widths = before.boxes[:, 2] - before.boxes[:, 0]
    expected = np.clip(before.boxes[:, [0, 2]] + 0.1 * widths[:, None], 0, 128)
    np.testing.assert_allclose(after.boxes[:, [0, 2]], expected, atol=1e-3)
    with pytest.raises(DataError, match="fitted on the features of another network"):
        load(root / "n.safetensors", **options)
    with pytest.raises(UsageError, match=r"^regression and 2 networks: it takes the features of"):
        load([root / "m.safetensors", root / "n.safetensors"], **options)


def test_svms_score_in_place_of_the_softmax(root, svms, photo) -> None:
    options = {"svm": svms, "device": "cpu"}
    found = load(root / "m.safetensors", **options)(photo)
    # From -1 up, as detect run has it.
    assert set(zip(found.names, found.scores.tolist(), strict=True)) == {
        (CLASSES[1], 3.5),
        (CLASSES[2], -0.5),
    }
    with pytest.raises(UsageError, match=r"^svm and 2 networks: SVMs score the features of the"):
        load([root / "m.safetensors", root / "n.safetensors"], **options)


@pytest.mark.parametrize(
    "image", [3.0, np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_image_is_named(image, detector) -> None:
    for given in (image, [image]):
        with pytest.raises(UsageError, match=r"^images: expected a path, or pixels as an RGB arr"):
            detector(given)


def test_errors_name_arguments(root, detector) -> None:
    with pytest.raises(DataError, match=r"^nowhere\.jpg: no such image file"):
        detector("nowhere.jpg")
    with pytest.raises(UsageError, match=r"^model is missing: A run folder"):
        load()
    with pytest.raises(UsageError, match=r"^no option 'nsm'; there are model, svm"):
        load(root / "m.safetensors", nsm=0.3)
    with pytest.raises(UsageError, match=r"^threshold=2: expected a probability"):
        load(root / "m.safetensors", threshold=2)


def test_what_proposes_in_place_of_what_is_not_known_is_warned_of(root) -> None:
    text = (
        r"m\.safetensors: no note of the proposals .* Proposing by Selective Search, preset rcnn\.$"
    )
    with pytest.warns(DetectWarning, match=text) as caught:
        load(root / "m.safetensors", device="cpu")
    assert [one.filename for one in caught] == [__file__]
