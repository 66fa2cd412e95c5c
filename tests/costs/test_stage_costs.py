"""The arithmetic of a plan, from timings that are given."""

import numpy as np
import pytest

from detect.costs.stage_costs import (
    NetworkTraining,
    StageCost,
    propose_stage,
    run_stage,
    total,
    training_stage,
)
from detect.costs.table import busy_lines, figures, lines
from detect.detector.region_time import RegionTime
from detect.models.crop_time import Peak
from detect.proposals.estimate import Estimate
from detect.structures import Proposals
from detect.training.step_time import StepTime

GB = 10**9
STEP = StepTime(seconds=0.72, batch=64, samples=64, steps=8, peak=Peak(GB, 0), disk=200_000_000)
REGION = RegionTime(seconds=0.005, regions=750, peak=Peak(2 * GB, 0))


def estimate(boxes: int = 2000) -> Estimate:
    """Return what one image of 1.8 s said."""
    shapes = (np.zeros((boxes, 4)), np.zeros(boxes), np.full(boxes, "test"))
    return Estimate((Proposals("1", (9, 9), *shapes),), 1.8, 20_000.0, GB // 4)


def proposing(images: int = 200, workers: int = 2) -> StageCost:
    return propose_stage("train", images, estimate(), workers)


def training(count: int = 1, step: StepTime = STEP, steps: int = 5000) -> StageCost:
    return training_stage("train-classifier", "a.toml", [NetworkTraining(steps, step)] * count)


def running(images: int = 72, regions: float = 2000.0, kept: str | None = None) -> StageCost:
    return run_stage("test", "a.toml", images, regions, [REGION] * 3, columns=4, kept=kept)


def test_hand_worked_stages() -> None:
    assert (proposing().seconds, proposing().memory, proposing().disk) == (180, 750_000_000, 4e6)
    assert (training().seconds, training().memory, training().disk) == (3600, GB, 200_000_000)
    # 144,000 regions of three networks; four scores of each and a box; all of it twice.
    assert running().seconds == pytest.approx(144_000 * 3 * 0.005)
    assert running(kept="float32").disk == 2 * 144_000 * (3 * 4 * 4 + 16)
    assert running(kept="float16").disk == 2 * 144_000 * (3 * 4 * 2 + 16)
    assert (running().memory, running().disk) == (2 * GB, 0)


def test_regions_of_later_rounds_cost_as_the_others() -> None:
    told = ("test", "a.toml", 72, 2000.0, [REGION], 4, "float32")
    once, more = run_stage(*told), run_stage(*told, again=500.0)
    assert more.seconds == pytest.approx(once.seconds * 1.25)
    assert more.disk == pytest.approx(once.disk * 1.25)
    assert "72 images of 2,000 regions and 500 of later rounds at 5.0 ms a region" in more.basis


def test_why_kept_scores_are_counted_twice_is_said() -> None:
    kept = running(kept="float32")
    assert kept.figures.scores_bytes == 144_000 * 64
    assert kept.basis.endswith(
        "; kept scores take 9.2 MB, and as much again while the one file of all is being written"
    )


def test_twice_the_images_are_twice_the_hours_and_the_disk_and_the_same_memory() -> None:
    for once, twice in ((proposing(200), proposing(400)), (running(72), running(144))):
        assert twice.seconds == pytest.approx(2 * once.seconds)
        assert twice.disk == 2 * once.disk
        assert twice.memory == once.memory
        assert twice.figures.images == 2 * once.figures.images


def test_networks_of_one_recipe_are_trained_one_after_the_other() -> None:
    one, six = training(), training(6)
    assert (six.seconds, six.disk, six.memory) == (6 * one.seconds, 6 * one.disk, one.memory)
    assert six.what == "a.toml, 6 networks"
    assert "5,000 steps of 64 at 0.72 s, 60 min each; 8 steps timed" in six.basis
    mixed = training_stage(
        "train-classifier", "a.toml", [NetworkTraining(10, STEP), NetworkTraining(30, STEP)]
    )
    assert mixed.seconds == pytest.approx(40 * 0.72)
    assert mixed.figures.steps == 40


def test_what_a_training_holds_adds_to_what_a_step_takes_where_that_is_known() -> None:
    networks = [NetworkTraining(10, STEP)]
    assert training_stage("train-classifier", "a.toml", networks, held=5).memory == GB + 5
    unknown = StepTime(1.0, 2, 2, 2, Peak(0, 0), 9)
    assert training_stage("pretrain", "a.toml", [NetworkTraining(10, unknown)], held=5).memory == 0


def test_what_was_concluded_and_not_measured_is_named() -> None:
    assert proposing(workers=1).extrapolated == ()
    assert proposing().extrapolated == ("2 workers share the work without loss",)
    both = propose_stage("train", 9, estimate(), 1, multibox=True)
    assert both.extrapolated == ("MultiBox finds as many new boxes as an untrained one",)
    assert training().extrapolated == ()
    smaller = StepTime(11.2, 128, 22, 3, Peak(GB, 0), 9)
    assert training(step=smaller).extrapolated == (
        "timed with 22 of 128 samples a step; time in proportion, memory along a line",
    )
    assert running().extrapolated == ("every network cuts its own crops",)


def test_all_is_the_sum_of_hours_and_disk_and_the_highest_memory() -> None:
    every = total([proposing(), training(), running(kept="float32")])
    assert every.seconds == pytest.approx(180 + 3600 + 2160)
    assert every.memory == 2 * GB
    assert every.disk == 4_000_000 + 200_000_000 + 2 * 144_000 * 64


def test_the_table_has_a_row_a_stage_and_one_of_all_and_says_where_they_come_from() -> None:
    assert lines([proposing(), training(), running()]) == [
        "stage                            time  memory    disk",
        "propose train                 3.0 min  750 MB  4.0 MB",
        "train-classifier a.toml        60 min  1.0 GB  200 MB",
        "run test, a.toml, 3 networks   36 min  2.0 GB       -",
        "all, one after the other        1.6 h  2.0 GB  204 MB",
        "",
        "propose train: 200 images at 1.8 s and 2,000 boxes each, 1 of them timed.",
        "  extrapolated: 2 workers share the work without loss.",
        "train-classifier a.toml: 5,000 steps of 64 at 0.72 s; 8 steps timed.",
        "run test, a.toml, 3 networks: 72 images of 2,000 regions at 5.0 ms a region and network; "
        "750 regions timed; --keep-scores adds 9.2 MB, and as much again while the one file of "
        "all is being written.",
        "  extrapolated: every network cuts its own crops.",
        "",
        "Not counted: validation, pictures, reading annotations. The disk of a training is its run",
        "folder, with the state that --resume needs.",
    ]


def test_one_stage_needs_no_sum_and_a_gpu_gets_a_column() -> None:
    on_gpu = StepTime(0.72, 64, 64, 8, Peak(GB, 3 * GB), 200_000_000)
    assert lines([training(step=on_gpu)])[:3] == [
        "stage                      time  memory  on the GPU    disk",
        "train-classifier a.toml  60 min  1.0 GB      3.0 GB  200 MB",
        "",
    ]
    assert lines([proposing(), training(step=on_gpu)])[1].split()[-3:] == ["-", "4.0", "MB"]


def test_json_has_the_costs_and_what_they_come_from() -> None:
    found = figures([proposing(), training()])
    assert found["total"] == {
        "hours": pytest.approx(3780 / 3600),
        "memory_bytes": GB,
        "gpu_memory_bytes": 0,
        "disk_bytes": 204_000_000,
    }
    first, second = found["stages"]
    assert (first["stage"], first["on"]) == ("propose", "train")
    assert first["hours"] == pytest.approx(0.05)
    assert (first["seconds_per_image"], first["boxes_per_image"], first["workers"]) == (
        1.8,
        2000,
        2,
    )
    assert second["seconds_per_step"] == 0.72
    assert second["extrapolated"] == []


def test_a_machine_with_other_work_is_named() -> None:
    assert busy_lines(1.0, 2) == []
    assert busy_lines(6.34, 2) == [
        "This machine is busy with other work (load 6.3 on 2 cores): on its own it would be faster."
    ]
