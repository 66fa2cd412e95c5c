"""A detector of one trunk learns; batches, the regions drawn of them, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from builders import CLASSES, write_voc
from networks import shared

from detect.boxes import iou_matrix
from detect.config import SharedRecipe
from detect.data import open_dataset
from detect.errors import DataError
from detect.matching import IGNORED
from detect.models.box_regression import decode
from detect.runs import RunFolder
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Annotations, Dataset, Proposals, Sample
from detect.training.call import Call
from detect.training.loop import Trainer
from detect.training.shared import SharedTask
from detect.training.shared_data import SharedBatches, SharedData, collect_shared, pack, unpack
from detect.training.shared_network import build_shared, delta_statistics
from detect.training.shared_regions import RegionDrawer

CPU = torch.device("cpu")
TINY = {
    "batch_size": 2,
    "model": {"width": 0.25, "input_size": 96, "input_height": 64, "dropout": 0.0},
    "priors": {"shapes": 2, "levels": 1},
    "sampling": {"regions": 8},
    "augment": {"mirror": False, "photometric": False},
    "optimizer": {"steps": 4},
    "run": {"precision": "float32"},
}


def recipe(**changes: object) -> SharedRecipe:
    return SharedRecipe.model_validate({**TINY, **changes})


def notes(*rows: tuple[float, ...], **flags: object) -> Annotations:
    """Return annotations of `rows` x1, y1, x2, y2, label."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Annotations(table[:, :4], table[:, 4].astype(np.int64), **flags)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("data") / "voc"
    return open_dataset(write_voc(root, {"train": 5}, seed=3, objects=2), "train")


def near(dataset: Dataset, path: Path) -> ProposalFile:
    """Store boxes a little off every object, and one far from all, of every image."""
    rng, rows = np.random.default_rng(0), []
    for sample in dataset.samples:
        objects = np.repeat(sample.annotations.boxes, 6, 0)
        moved = objects + rng.uniform(-3, 3, objects.shape).astype(np.float32)
        boxes = np.concatenate([moved, np.array([[0, 0, 4, 4]], np.float32)])
        names = np.full(len(boxes), "test")
        rows.append(Proposals(sample.image_id, sample.size, boxes, np.ones(len(boxes)), names))
    write_proposals(path, rows, {"method": "test"})
    return ProposalFile(path)


def trained(told: SharedRecipe, data: SharedData, classes: tuple[str, ...], folder: Path):
    """Return the task and the trainer of `told`, trained."""
    network = build_shared(told, data.boxes(), len(classes), lambda line: None)
    drawer = RegionDrawer(told, len(classes))
    network.regression.set_statistics(*delta_statistics(drawer, data, network.priors.numpy()))
    task = SharedTask(told, data, classes, RunFolder(folder), CPU, None)
    trainer = Trainer(network, task, told, 1.0, Call(RunFolder(folder), CPU))
    trainer.run()
    return task, trainer


@pytest.mark.slow
@pytest.mark.parametrize("stored", [True, False], ids=["stored proposals", "its own"])
def test_images_and_their_objects_are_learned(dataset: Dataset, stored: bool, tmp_path: Path):
    few = replace(dataset, samples=dataset.samples[:2])
    told = recipe(
        optimizer={
            "steps": 60, "algorithm": "adamw", "learning_rate": 0.003, "averaging": 0.9,
            "schedule": "cosine",
        },
        sampling={"regions": 32, "foreground_fraction": 0.5},
    )  # fmt: skip
    proposals = near(few, tmp_path / "p.parquet") if stored else None
    data = collect_shared(few, proposals) if stored else collect_shared(few, None)
    task, trainer = trained(told, data, dataset.classes, tmp_path / "run")
    task.validation = (few, proposals)
    assert task.score(trainer.averaged.module, few)["map"] > 0.9


def test_images_are_warped_and_boxes_are_fractions(dataset: Dataset, tmp_path: Path):
    data = collect_shared(dataset, near(dataset, tmp_path / "p.parquet"))
    images, packed, proposed, seeds = SharedBatches(data, recipe()).make(0)
    assert images.shape == (2, 64, 96, 3)
    assert proposed.shape == (2, 13, 4)
    assert packed.shape == (2, 2, 6)
    assert len(set(seeds.tolist())) == 2
    first = unpack(packed)[0]
    assert 0 < first.boxes.min() < first.boxes.max() < 1
    assert (iou_matrix(first.boxes, proposed[0]).max(axis=1) > 0.5).all()


def test_they_are_functions_of_seed_and_step_whatever_the_rows(dataset: Dataset):
    data, told = collect_shared(dataset, None), recipe(augment={"mirror": True}, batch_size=3)
    whole = SharedBatches(data, told).make(7)
    for row in range(3):
        part = SharedBatches(data, told).make(7, slice(row, row + 1))
        np.testing.assert_array_equal(part[0][0], whole[0][row])
        np.testing.assert_array_equal(unpack(part[1])[0].boxes, unpack(whole[1])[row].boxes)
        assert part[3][0] == whole[3][row]


def test_boxes_are_mirrored_with_their_image(dataset: Dataset, tmp_path: Path):
    data = collect_shared(dataset, near(dataset, tmp_path / "p.parquet"))
    plain = SharedBatches(data, recipe(batch_size=5))
    turned = SharedBatches(
        data, recipe(batch_size=5, augment={"mirror": True, "photometric": False})
    )
    mirrored = 0
    for (image, own, boxes), (other, notes_, proposed) in zip(
        zip(*plain.make(0)[:3], strict=True), zip(*turned.make(0)[:3], strict=True), strict=True
    ):
        if (image != other).any():
            mirrored += 1
            np.testing.assert_array_equal(image[:, ::-1], other)
            for before, after in ((own[:, :4], notes_[:, :4]), (boxes, proposed)):
                np.testing.assert_allclose(after[:, [0, 2]], 1 - before[:, [2, 0]], atol=1e-6)
    assert 0 < mirrored < 5


def test_annotations_come_back_from_where_they_were_packed():
    many = notes(
        (0.1, 0.2, 0.3, 0.4, 2), (0, 0, 1, 1, 0), (0.5, 0.5, 0.6, 0.6, 1),
        difficult=np.array([False, True, False]), crowd=np.array([False, False, True]),
    )  # fmt: skip
    for found, expected in zip(unpack(pack([many, notes()])), (many, notes()), strict=True):
        for name in ("boxes", "labels", "difficult", "crowd"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


DRAWER = RegionDrawer(recipe(sampling={"regions": 8, "foreground_fraction": 0.25}), 3)
TRUTH = notes((0.1, 0.1, 0.3, 0.3, 2), (0.6, 0.6, 0.9, 0.9, 0))
PROPOSED = np.array([[0.12, 0.1, 0.32, 0.3], [0.4, 0.4, 0.5, 0.5]], np.float32)


def test_a_share_are_objects_and_what_they_learn_leads_to_them():
    drawn = DRAWER.draw(np.random.default_rng(0), PROPOSED, TRUTH)
    assert (drawn.labels[:2] < 3).all()
    assert (drawn.labels[2:] == 3).all()
    np.testing.assert_array_equal(drawn.boxes[2:], np.repeat(PROPOSED[1:], 6, 0))
    for box, label, deltas, thing in zip(*(part[:2] for part in drawn), strict=True):
        assert label == thing
        (row,) = np.flatnonzero(TRUTH.labels == thing)
        moved = decode(deltas[None], box[None])
        np.testing.assert_allclose(moved[0], TRUTH.boxes[row], atol=1e-6)
    assert (drawn.objects[2:] == -1).all()


def test_the_same_generator_draws_the_same():
    one, other = (DRAWER.draw(np.random.default_rng(5), PROPOSED, TRUTH) for _ in range(2))
    for part, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(part, same)


def test_an_image_without_objects_is_background():
    drawn = DRAWER.draw(np.random.default_rng(0), PROPOSED, notes())
    assert (drawn.labels == 3).all()
    assert (drawn.objects == -1).all()


def test_an_image_without_background_is_objects():
    empty = np.zeros((0, 4), np.float32)
    drawn = DRAWER.draw(np.random.default_rng(0), empty, TRUTH)
    assert (drawn.labels < 3).all()


def test_of_an_image_with_nothing_to_learn_from_nothing_is():
    crowd = notes((0, 0, 1, 1, 0), crowd=np.array([True]))
    drawn = DRAWER.draw(np.random.default_rng(0), PROPOSED, crowd)
    assert (drawn.labels == IGNORED).all()
    assert drawn.boxes.shape == (8, 4)


def test_an_image_with_nothing_to_learn_from_adds_nothing_to_the_regions_loss(tmp_path: Path):
    model, _ = shared()
    crowd = notes((0, 0, 1, 1, 0), crowd=np.array([True]))
    told = recipe(sampling={"regions": 4})
    data = SharedData((Sample("a", tmp_path / "a.jpg", (48, 64), crowd),), (np.zeros((0, 4)),))
    task = SharedTask(told, data, CLASSES, RunFolder(tmp_path), CPU, None)
    packed, proposed = torch.from_numpy(pack([crowd])), torch.zeros(1, 0, 4)
    batch = (torch.zeros(1, 3, 48, 64, dtype=torch.uint8), packed, proposed, torch.zeros(1).long())
    losses = task.losses(model, batch)
    assert losses["class_loss"] == losses["box_loss"] == 0
    assert torch.isfinite(losses["loss"])


def test_a_class_without_an_object_is_refused(dataset: Dataset):
    more = replace(dataset, classes=(*dataset.classes, "hexagon"))
    with pytest.raises(DataError, match="no region is positive for hexagon: it cannot be learned"):
        collect_shared(more, None)


def test_proposals_of_other_images_are_refused(dataset: Dataset, tmp_path: Path):
    first, *rest = dataset.samples
    turned = replace(first, size=(first.size[1], first.size[0] + 1))
    file = near(replace(dataset, samples=(turned, *rest)), tmp_path / "p.parquet")
    with pytest.raises(DataError, match="the proposals were made for an image of"):
        collect_shared(dataset, file)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"input_size": 500}}, "needs a multiple of 16, the stride of the maps"),
        ({"augment": {"transpose": True}}, "augment.transpose needs square images"),
        ({"regression": {"maps": "5b", "grid": 3}}, "a region has 2x2 places of the maps 5b"),
        ({"sampling": {"background_iou": [0.6, 0.5]}}, "needs 0 <= low < high <= foreground_iou"),
        ({"propose": {"views": "squares"}}, "whole"),
        ({"model": {"variant": "timm/resnet18"}}, "paper"),
    ],
)
def test_wrong_recipes_are_refused(changes: dict, message: str):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)
