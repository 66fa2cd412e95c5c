"""MultiBox proposals: the boxes of networks whose outputs are known, stored networks, folds."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import texture
from extras import needs_onnx, needs_openvino
from networks import multibox, network

from detect.boxes import iou_matrix
from detect.data.folds import in_fold
from detect.errors import DataError, DetectError, UsageError
from detect.models.checkpoints import save_model
from detect.models.exported.exporting import export_network
from detect.models.exported.files import write_exported
from detect.proposals.merge import Both
from detect.proposals.multibox import (
    ADAPTIVE,
    MultiBoxPropose,
    MultiBoxProposer,
    multibox_propose,
)
from detect.proposals.views import VIEWS, warp
from detect.structures import Image, Proposals, Size

CPU = torch.device("cpu")
IMAGE = np.zeros((30, 40, 3), np.uint8)
LEFT = [0.0, 0.2, 0.4, 0.6]  # touches the left side of its view


def found(priors, logits, **changes) -> Proposals:
    """Return what a network that finds `priors` in every view proposes for a 40x30 image."""
    proposer = MultiBoxProposer(*multibox(priors, logits, **changes), CPU, "float32")
    return proposer(IMAGE, "a")


def picture(seed: int, size: Size = (48, 64)) -> Image:
    return texture(np.random.default_rng(seed), size)


def test_boxes_are_fractions_of_the_image_and_scores_their_sigmoid():
    proposals = found([[0.1, 0.2, 0.5, 0.6], [0.5, 0.5, 1, 1]], [0, 2], views="whole")
    np.testing.assert_allclose(proposals.boxes, [[20, 15, 40, 30], [4, 6, 20, 18]], atol=1e-5)
    np.testing.assert_allclose(proposals.scores, [0.880797, 0.5], atol=1e-5)
    assert proposals.sources.tolist() == ["multibox", "multibox"]
    assert (proposals.image_id, proposals.size) == ("a", (30, 40))


def test_boxes_are_cut_at_the_image_and_none_is_thinner_than_a_pixel():
    priors = [
        [-0.2, -0.1, 0.5, 0.5],
        [0.6, 0.2, 0.4, 0.5],  # inside out
        [0.1, 0.1, 0.12, 0.9],  # 0.8 px wide
        [1.1, 0.2, 1.3, 0.4],  # outside
        [0.1, 0.1, 0.126, 0.9],  # 1.04 px wide
    ]
    proposals = found(priors, range(5), views="whole", nms=1)
    np.testing.assert_allclose(proposals.boxes, [[4, 3, 5.04, 27], [0, 0, 20, 15]], atol=1e-4)


def test_boxes_of_views_are_put_back_and_those_at_cuts_dropped():
    # Of the squares from 0, 5 and 10 px only the first has the image's left side. Equal scores
    # come in the order of their coordinates.
    proposals = found([LEFT], [0], nms=0.8)
    np.testing.assert_allclose(proposals.boxes, [[0, 6, 12, 18], [0, 6, 16, 18]], atol=1e-5)
    middle = found([[0.2, 0.2, 0.8, 0.8]], [0], nms=1).boxes
    expected = [[6, 6, 24, 24], [8, 6, 32, 24], [11, 6, 29, 24], [16, 6, 34, 24]]
    np.testing.assert_allclose(middle, expected, atol=1e-5)


@pytest.mark.parametrize(("nms", "kept"), [(0.7, 1), (0.8, 2), (1.0, 2), (ADAPTIVE, 2)])
def test_suppression_at_an_iou_or_adaptive(nms: float, kept: int):
    # The boxes of the first square and of the image overlap by 12 / 16.
    assert len(found([LEFT], [0], nms=nms)) == kept


def test_adaptive_suppression_drops_what_is_nearly_the_same():
    near = [[0, 0, 1, 1], [0, 0, 0.95, 1], [0, 0, 0.8, 1]]
    proposals = found(near, [3, 2, 1], views="whole", nms=ADAPTIVE)
    np.testing.assert_allclose(proposals.boxes, [[0, 0, 40, 30], [0, 0, 32, 30]], atol=1e-4)
    np.testing.assert_allclose(proposals.scores, [0.952574, 0.731059], atol=1e-5)


def test_the_best_of_a_view_and_the_best_of_all_stay():
    priors = [[0.1 * n, 0.3, 0.1 * n + 0.1, 0.5] for n in range(2, 7)]
    logits = [1, 5, 2, 4, 3]
    whole = found(priors, logits, views="whole", per_view=2).boxes
    np.testing.assert_allclose(whole[:, 0], [12, 20], atol=1e-4)
    every = found(priors, logits, per_view=1, nms=1)
    assert len(every) == 4
    assert len(np.unique(every.scores)) == 1
    assert len(found(priors, logits, boxes=3)) == 3


@pytest.mark.parametrize("size", [(48, 64), (1, 1), (1, 90), (300, 20), (37, 37)])
@pytest.mark.parametrize("kind", VIEWS)
def test_any_image_gets_boxes_that_are_its_own(size: Size, kind: str):
    proposer = MultiBoxProposer(*multibox(views=kind, boxes=30), CPU, "float32")
    proposals = proposer(picture(1, size), "a")
    assert len(proposals) <= 30
    assert (proposals.boxes[:, :2] >= 0).all()
    assert (proposals.boxes[:, 2:] <= size[::-1]).all()
    assert (proposals.boxes[:, 2:] - proposals.boxes[:, :2] >= 1).all()
    assert (np.diff(proposals.scores) <= 0).all()
    overlaps = iou_matrix(proposals.boxes, proposals.boxes)
    assert (overlaps[~np.eye(len(overlaps), dtype=bool)] <= 0.5).all()
    if min(size) > 10:
        assert len(proposals) > 3


def test_what_it_sees_is_what_the_network_says_of_the_warped_view():
    model, card = multibox(views="whole", nms=1.0)
    image = picture(2)
    view = torch.from_numpy(warp(image, (0, 0, 64, 48), 32)).permute(2, 0, 1)[None]
    with torch.no_grad():
        offsets, logits = model(view)
    boxes = model.decode(offsets)[0].clamp(0, 1).numpy() * [64, 48, 64, 48]
    scores = logits[0].sigmoid().numpy()
    kept = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    order = np.argsort(-scores[kept])
    proposals = MultiBoxProposer(model, card, CPU, "float32")(image, "a")
    np.testing.assert_allclose(proposals.boxes, boxes[kept][order], atol=0.01)
    np.testing.assert_allclose(proposals.scores, scores[kept][order], atol=1e-4)
    assert model.network.conv1.bn.weight is not None  # prepared for inference on a copy


def test_bfloat16_is_another_precision_of_the_same():
    model, card = multibox(views="whole", nms=1.0)
    image = picture(3)
    exact, rough = (MultiBoxProposer(model, card, CPU, p) for p in ("float32", "bfloat16"))
    assert rough.precision == "bfloat16"
    one, other = exact(image, "a"), rough(image, "a")
    assert len(one) == len(other)
    assert one.scores.tolist() != other.scores.tolist()
    np.testing.assert_allclose(one.scores, other.scores, atol=0.1)


def test_boxes_that_are_not_finite_are_an_error():
    model, card = multibox()
    with torch.no_grad():
        model.head.boxes.bias[3] = float("nan")
    with pytest.raises(DetectError, match=r"boxes that are not finite.*precision=float32"):
        MultiBoxProposer(model, card, CPU)(IMAGE, "a")


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """Store a network that tells images apart."""
    save_model(tmp_path / "m.safetensors", *multibox())
    return tmp_path / "m.safetensors"


def _same(one: Proposals, other: Proposals) -> bool:
    pairs = ((one.boxes, other.boxes), (one.scores, other.scores))
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def test_a_stored_network_proposes_as_its_card_says(stored: Path):
    propose = multibox_propose([stored.with_suffix("")], CPU, precision="float32")
    assert propose == MultiBoxPropose((stored,), "squares", 0.5, 50, 200, "float32", "cpu")
    proposals = propose(picture(4), "a")
    assert _same(proposals, MultiBoxProposer(*multibox(), CPU, "float32")(picture(4), "a"))
    assert not _same(proposals, propose(picture(5), "a"))
    recipe = propose.recipe()
    (digest,) = recipe.pop("models")
    assert len(digest) == 16
    assert recipe == {
        "parameters": {
            "views": "squares", "nms": 0.5, "per_view": 50, "boxes": 200,
            "precision": "float32", "input_size": 32,
        },
        "folds": [""],
    }  # fmt: skip


def test_options_stand_for_the_card(stored: Path):
    options = {"views": "dense", "nms": ADAPTIVE, "boxes": 7}
    propose = multibox_propose([stored], CPU, precision="bfloat16", **options)
    assert propose == MultiBoxPropose((stored,), "dense", 0.0, 50, 7, "bfloat16", "cpu")
    assert len(propose(picture(4), "a")) == 7
    assert propose.recipe()["parameters"]["nms"] == "adaptive"


def test_it_travels_to_other_processes(stored: Path):
    propose = multibox_propose([stored], CPU)
    copy = pickle.loads(pickle.dumps(propose))
    assert _same(copy(picture(4), "a"), propose(picture(4), "a"))


def test_the_number_of_threads_changes_nothing_and_stays(stored: Path):
    propose = multibox_propose([stored], CPU)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        two = propose(picture(4), "a")
        assert torch.get_num_threads() == 2
        torch.set_num_threads(1)
        assert _same(propose(picture(4), "a"), two)
    finally:
        torch.set_num_threads(before)


def test_a_file_that_has_changed_is_read_again(stored: Path):
    propose = multibox_propose([stored], CPU)
    first = propose(picture(4), "a")
    save_model(stored, *multibox(seed=1))
    os.utime(stored, (1, 1))
    assert not _same(propose(picture(4), "a"), first)


def _fold_models(folder: Path, *folds: str, **changes) -> list[Path]:
    """Store networks that find a box of their own height each."""
    paths = []
    for number, fold in enumerate(folds):
        paths.append(folder / f"fold{number}.safetensors")
        prior = [0.2, 0.2, 0.8, 0.3 + 0.1 * number]
        save_model(paths[-1], *multibox([prior], [0], views="whole", fold=fold, **changes))
    return paths


def test_every_image_is_proposed_by_the_network_that_did_not_see_it(tmp_path: Path):
    paths = _fold_models(tmp_path, "1/2", "2/2")
    ids = [f"image {number}" for number in range(8)]
    inside = [in_fold(image_id, "1/2") for image_id in ids]
    assert set(inside) == {True, False}
    for order in (paths, paths[::-1]):
        propose = multibox_propose(order, CPU)
        assert propose.models == tuple(paths)
        assert propose.recipe()["folds"] == ["1/2", "2/2"]
        bottoms = [propose(IMAGE, image_id).boxes[0, 3] for image_id in ids]
        np.testing.assert_allclose(bottoms, np.where(inside, 9, 12), atol=1e-4)
    alone = multibox_propose(paths[1:], CPU)
    assert alone.recipe()["folds"] == ["2/2"]
    assert all(alone(IMAGE, image_id).boxes[0, 3] > 11 for image_id in ids)
    with pytest.raises(ValueError, match="to unpack"):
        MultiBoxPropose((paths[0], paths[0]), "whole", 0.5, 5, 5)(IMAGE, ids[inside.index(True)])


@pytest.mark.parametrize(
    ("folds", "given"),
    [
        (("1/2", "1/2"), "2 networks, trained without folds 1/2, 1/2; expected 1/2, 2/2, each"),
        (("2/3", "1/3"), "2 networks, trained without folds 2/3, 1/3; expected 1/3, 2/3, 3/3"),
        (("1/2", "2/3"), "2 networks, trained without folds 1/2, 2/3; expected 1/2, 2/2, each"),
        (("", "2/2"), "2 networks, trained without folds none, 2/2; expected 1/2, 2/2, each"),
        (("", ""), "2 networks, trained without folds none, none; expected 1/2, 2/2, each once"),
    ],
)
def test_folds_that_leave_images_with_none_or_two_are_refused(
    tmp_path: Path, folds: tuple[str, ...], given: str
):
    with pytest.raises(DataError) as error:
        multibox_propose(_fold_models(tmp_path, *folds), CPU)
    assert given in str(error.value)
    assert str(error.value).endswith("Give one for each fold, or one alone.")


def test_networks_of_two_recipes_are_refused(tmp_path: Path):
    one, _ = _fold_models(tmp_path, "1/2", "2/2")
    (tmp_path / "b").mkdir()
    _, two = _fold_models(tmp_path / "b", "1/2", "2/2", nms=0.7)
    with pytest.raises(DataError) as error:
        multibox_propose([one, two], CPU)
    assert str(error.value).startswith(f"{one} and {two}: nms is 0.5 and 0.7. Several multibox")


def test_what_is_no_multibox_network_is_refused(tmp_path: Path, stored: Path):
    save_model(tmp_path / "classifier.safetensors", *network())
    with pytest.raises(DataError, match=r"not the card of a MultiBox network.*region-classifier"):
        multibox_propose([tmp_path / "classifier"], CPU)
    with pytest.raises(DataError, match="none: no such model"):
        multibox_propose([tmp_path / "none"], CPU)
    with pytest.raises(ValueError, match="unpack"):
        multibox_propose([], CPU)


@pytest.mark.parametrize(
    ("form", "name"),
    [
        pytest.param("onnx", "m.onnx", marks=needs_onnx),
        pytest.param("openvino", "m.xml", marks=needs_openvino),
    ],
)
def test_an_exported_network_proposes_the_same_in_any_process(tmp_path, form, name):
    # OpenVINO takes no network of 32 px.
    model, card = multibox(side=64)
    write_exported(tmp_path / name, export_network(model, card, "abc", form)[0])
    propose = pickle.loads(
        pickle.dumps(multibox_propose([tmp_path / name], CPU, precision="float32"))
    )
    proposals = propose(picture(4), "a")
    expected = MultiBoxProposer(model, card, CPU, "float32")(picture(4), "a")
    np.testing.assert_allclose(proposals.boxes, expected.boxes, atol=1e-2)
    np.testing.assert_allclose(proposals.scores, expected.scores, atol=1e-4)
    assert propose.recipe()["parameters"]["precision"] == "float32"
    with pytest.raises(UsageError, match=rf"device=cuda: .*{name} was exported"):
        multibox_propose([tmp_path / name], torch.device("cuda"))
    if form == "onnx":
        assert multibox_propose([tmp_path / name], CPU).precision == "float32"
        with pytest.raises(
            UsageError, match=r"precision=bfloat16: onnxruntime computes .*m\.onnx in"
        ):
            multibox_propose([tmp_path / name], CPU, precision="bfloat16")
    (tmp_path / name).write_bytes(b"cut short")
    with pytest.raises(DataError, match="not as detect export wrote it"):
        multibox_propose([tmp_path / name], CPU)


def test_both_appends_what_the_second_finds(stored: Path):
    propose = multibox_propose([stored], CPU)
    image = picture(4)
    other = MultiBoxPropose((stored,), "whole", 0.9, 50, 200)
    merged = Both(propose, other)(image, "a")
    first = propose(image, "a")
    assert merged.boxes[: len(first)].tobytes() == first.boxes.tobytes()
    assert len(first) <= len(merged) < len(first) + len(other(image, "a"))
