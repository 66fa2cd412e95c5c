"""Batches by torch: those of OpenCV to a few levels, functions of the seed and the step alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from builders import write_voc
from proposing import propose_randomly
from torch import Tensor
from waiting import waiting_for_nothing

from detect.config import RegionClassifierRecipe, load_recipe
from detect.crops.resampled import crop
from detect.data import open_dataset
from detect.errors import EnvironmentProblem, UsageError
from detect.matching import Pool
from detect.runs import RunFolder
from detect.storage.proposals import ProposalFile
from detect.structures import Annotations, Sample
from detect.training import torch_batches
from detect.training.call import Call
from detect.training.loop import Trainer
from detect.training.region_classifier import RegionTask, build_region_classifier, choose_batches
from detect.training.region_data import CropBatches, RegionData, collect
from detect.training.torch_batches import TorchBatches

CPU = torch.device("cpu")
GPU = torch.device("cuda:0")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def recipe(**sections: object) -> RegionClassifierRecipe:
    small = {
        "model": {"input_size": 32, "width": 0.25},
        "optimizer": {"steps": 6, "learning_rate": 0.001},
        "sampling": {"batch_size": 16, "foreground_iou": 0.3, "background_iou": [0.0, 0.3]},
        "run": {"precision": "float32", "validate_every": 3, "save_every": 3},
    }
    return RegionClassifierRecipe.model_validate({**small, **sections})


@pytest.fixture
def data(tmp_path: Path) -> RegionData:
    """Return the regions of six images."""
    dataset = open_dataset(write_voc(tmp_path / "voc", {"train": 6}, seed=3), "train")
    propose_randomly(dataset, tmp_path / "p.parquet", count=30)
    return collect(dataset, ProposalFile(tmp_path / "p.parquet"), recipe())


def batches(data: RegionData, told: RegionClassifierRecipe, limit: int = 2**30) -> TorchBatches:
    return TorchBatches(data, told, 3, CPU, limit)


def same(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> bool:
    return all(torch.equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.parametrize("photometric", [False, True])
@pytest.mark.parametrize("mode", ["warp", "square"])
@pytest.mark.parametrize("image_side", [0, 64])
def test_a_batch_shows_what_opencvs_does(
    data: RegionData, photometric: bool, mode: str, image_side: int
) -> None:
    augment = {"vertical_mirror": True, "transpose": True, "photometric": photometric}
    told = recipe(augment=augment, crops={"mode": mode, "image_side": image_side})
    expected, expected_labels = CropBatches(data, told, 3).make(4)
    crops, labels = batches(data, told).make(4)
    assert crops.shape == (16, 3, 32, 32)
    assert crops.is_contiguous(memory_format=torch.channels_last)
    assert labels.tolist() == expected_labels.tolist()
    apart = np.abs(crops.permute(0, 2, 3, 1).numpy().astype(int) - expected)
    assert apart.mean() < 0.2
    # Of "nearest" OpenCV takes either pixel where a centre lies between two.
    assert (apart > 3).mean() < 0.005


def test_both_ways_draw_the_same_regions(data: RegionData) -> None:
    told = recipe(sampling={"batch_size": 12, "class_balance": True, "foreground_iou": 0.3,
                            "background_iou": [0.0, 0.3]})  # fmt: skip
    one, other = batches(data, told), CropBatches(data, told, 3)
    for step in range(20):
        assert one.make(step)[1].tolist() == other.make(step)[1].tolist()


def test_a_batch_is_a_function_of_seed_and_step(data: RegionData) -> None:
    first, again = batches(data, recipe()), batches(data, recipe())
    again.make(7)  # another history
    assert same(first.make(2), again.make(2))
    assert not torch.equal(first.make(2)[0], first.make(3)[0])
    assert not torch.equal(first.make(2)[0], batches(data, recipe(seed=1)).make(2)[0])


def test_the_rows_of_a_batch_are_those_of_the_whole(data: RegionData) -> None:
    made = batches(data, recipe())
    parts = [made.make(4, rows) for rows in (slice(0, 5), slice(5, 16))]
    assert same(tuple(map(torch.cat, zip(*parts, strict=True))), made.make(4))  # type: ignore[arg-type]


def test_three_threads_make_the_batches_that_one_makes(data: RegionData) -> None:
    made = batches(data, recipe(), limit=2 * 96 * 128 * 4)
    one = [made.make(step) for step in range(8)]
    with ThreadPoolExecutor(3) as pool:
        assert all(map(same, one, pool.map(made.make, range(8))))


def test_images_beyond_the_limit_leave_and_change_no_crop(data: RegionData) -> None:
    few = batches(data, recipe(), limit=2 * 96 * 128 * 4)
    for step in range(3):
        assert same(few.make(step), batches(data, recipe()).make(step))
    assert len(few._images._images) == 2


def test_images_that_do_not_fit_together_are_taken_in_turn(
    data: RegionData, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = batches(data, recipe()).make(1)
    monkeypatch.setattr(torch_batches, "_MOST_PIXELS", 2 * 96 * 128)
    assert same(batches(data, recipe()).make(1), expected)


class Short:
    """Make crops, but for the first `times`: then there is no memory."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, *told: object) -> Tensor:
        self.times -= 1
        if self.times >= 0:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return crop(*told)  # type: ignore[arg-type]


def test_where_memory_runs_out_the_images_are_given_back(
    data: RegionData, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, made = batches(data, recipe()), batches(data, recipe())
    made.make(0)
    held = len(made._images._images)
    monkeypatch.setattr(torch_batches, "crop", Short(1))
    assert same(made.make(1), expected.make(1))
    assert len(made._images._images) <= held // 2
    monkeypatch.setattr(torch_batches, "crop", Short(2))
    with pytest.raises(EnvironmentProblem, match="out of memory on cpu with the images of a batch"):
        made.make(2)


def test_an_image_of_one_pixel_beside_a_panorama(tmp_path: Path) -> None:
    samples, boxes = [], []
    nothing = np.zeros(0, np.bool_)
    none = Annotations(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), nothing, nothing)
    for number, (height, width) in enumerate(((1, 1), (20, 6000), (2000, 3))):
        path = tmp_path / f"{number}.png"
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        cv2.imwrite(str(path), cv2.blur(noise, (9, 9)))
        samples.append(Sample(str(number), path, (height, width), none))
        boxes.append(np.array([[0, 0, width, height], [0, 0, 1, 1]], np.float32))
    image, box = np.divmod(np.arange(6, dtype=np.int32), 2)
    pool = Pool(image, box, np.zeros(6, np.int32))
    odd = RegionData(tuple(samples), tuple(boxes), pool, pool)
    told = recipe(sampling={"batch_size": 64})
    apart = np.abs(
        batches(odd, told).make(0)[0].permute(0, 2, 3, 1).numpy().astype(int)
        - CropBatches(odd, told, 3).make(0)[0]
    )
    # The panorama is shrunk 190 times: "area" is the mean of samples there.
    assert apart.mean() < 2


@pytest.mark.parametrize(
    "name", ["cpu", pytest.param("cuda:0", marks=[pytest.mark.gpu, needs_gpu])]
)
def test_a_training_that_is_gone_on_with_ends_with_the_same_weights(
    data: RegionData, tmp_path: Path, name: str
) -> None:
    def trainer(folder: str, steps: int) -> Trainer:
        told = recipe(optimizer={"steps": steps, "learning_rate": 0.001})
        network, told = build_region_classifier(told, 3, print)
        where, device = RunFolder(tmp_path / folder), torch.device(name)
        task = RegionTask(told, data, ("a", "b", "c"), where, device, None, "torch")
        return Trainer(network, task, told, 10.0, Call(where, device))

    whole = trainer("whole", 6)
    whole.run()
    trainer("half", 3).run()
    resumed = trainer("half", 6)
    resumed.resume()
    resumed.run()
    one, other = whole.averaged.state_dict(), resumed.averaged.state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert resumed.progress.rows[-1]["loss"] == whole.progress.rows[-1]["loss"]


def test_torch_is_chosen_by_the_device_unless_the_recipe_says() -> None:
    transforms = {"more": [{"name": "GaussNoise"}]}
    assert choose_batches(recipe(), CPU) == "opencv"
    assert choose_batches(recipe(), GPU) == "torch"
    assert choose_batches(recipe(augment=transforms), GPU) == "opencv"
    assert choose_batches(recipe(run={"batches": "torch"}), CPU) == "torch"
    assert choose_batches(recipe(run={"batches": "opencv"}), GPU) == "opencv"


def test_torch_and_transforms_are_refused_together() -> None:
    told = {"optimizer": {"steps": 1}, "augment": {"more": [{"name": "GaussNoise"}]}}
    with pytest.raises(
        UsageError, match=r'run\.batches = "torch" and \[\[augment\.more\]\] do not'
    ):
        load_recipe(RegionClassifierRecipe, told, ["run.batches=torch"])


@pytest.mark.gpu
@needs_gpu
def test_a_gpu_makes_the_batches_of_a_processor(data: RegionData) -> None:
    on_gpu, on_cpu = TorchBatches(data, recipe(), 3, GPU), batches(data, recipe())
    for step in range(3):
        (crops, labels), (expected, expected_labels) = on_gpu.make(step), on_cpu.make(step)
        assert same((crops, labels), on_gpu.make(step))
        assert labels.tolist() == expected_labels.tolist()
        apart = (crops.cpu().int() - expected.int()).abs()
        assert apart.max() <= 2
        assert (apart > 0).float().mean() < 0.002


@pytest.mark.gpu
@needs_gpu
def test_a_gpu_is_not_waited_for(data: RegionData) -> None:
    made = TorchBatches(data, recipe(), 3, GPU)
    expected = made.make(0)
    with waiting_for_nothing():
        found = made.make(0)
    assert same(found, expected)
