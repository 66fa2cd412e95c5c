"""`archive` on Ray: the rows of one process, also where workers die; what is lost is told."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from archives import (
    Deadly,
    check_same_detections,
    kill_an_actor,
    rows_of,
    write_archive,
    write_manifest,
)
from builders import save_image

from detect.errors import DetectError, EnvironmentProblem
from detect.progress import Silence
from detect.stages import archive
from detect.stages.archive.on_ray import detected_on_ray
from detect.stages.archive.opening import open_work, settle, with_stored
from detect.stages.archive.options import ArchiveOptions
from detect.storage.manifest import read_manifest

ray = pytest.importorskip("ray", reason='Ray is not installed (pip install "ray[data]")')
psutil = pytest.importorskip("psutil")
pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
COUNT = 60


class Listener(Silence):
    """Remembers warnings; kills an actor once the first image has a row."""

    def __init__(self, *, kill: bool = False) -> None:
        self.heard: list[str] = []
        self.kill = kill

    def warn(self, line: str) -> None:
        self.heard.append(line)

    def track(self, items: Iterator, total: int, what: str) -> Iterator:
        for done, item in enumerate(items, 1):
            if self.kill and done == 1:
                kill_an_actor()
            yield item


def told(root: Path, out: Path, **more: object) -> dict[str, object]:
    given = {"model": root / "m.safetensors", "proposals": root / "proposals", "device": "cpu"}
    return {"manifest": root / "manifest.parquet", "out": out, **given, **more}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_archive(tmp_path_factory.mktemp("archive"), COUNT, boxes=60)
    images = {f"{n:05d}": f"images/{n:05d}.png" for n in range(COUNT)}
    (root / "text.jpg").write_text("no image")
    write_manifest(root / "manifest.parquet", {"text": "text.jpg", **images})
    archive(reporter=Listener(), **told(root, root / "local"))
    return root


def test_two_workers_of_which_one_is_killed_give_the_rows_of_one_process(root, tmp_path):
    listener = Listener(kill=True)
    options = told(root, tmp_path / "out", on="ray", workers=3, actors=2, part_images=8)
    result = archive(reporter=listener, **options)
    assert (result.images, result.detected, result.broken) == (COUNT + 1, COUNT, 1)
    assert result.new == COUNT + 1
    check_same_detections(root / "local", tmp_path / "out")
    assert not list((tmp_path / "out").glob(".*"))
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def session() -> Iterator[None]:
    """Start Ray once for what follows, as a caller may have done."""
    # Its processes find the modules of these tests.
    found = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[1])}}
    told = {"num_cpus": 3, "include_dashboard": False, "log_to_driver": False}
    ray.init("local", runtime_env=found, **told)
    yield
    ray.shutdown()


@pytest.mark.slow
def test_what_kills_every_actor_costs_its_block_alone(root, session, tmp_path):
    white = write_archive(tmp_path / "white", 12)
    save_image(white / "images/00005.png", np.full((48, 64, 3), 255, np.uint8))
    options = ArchiveOptions(**told(white, tmp_path / "out", on="ray", actors=1, part_images=4))
    work = open_work(settle(options))
    for network, _ in work.networks.models:
        network.__class__ = Deadly
    listener = Listener()
    left = with_stored(options, read_manifest(options.manifest).table, listener)
    list(detected_on_ray(options, work, left, listener))
    assert sorted(rows_of(tmp_path / "out")) == [f"{n:05d}" for n in range(12) if n != 5]
    assert len(listener.heard) == 1
    assert listener.heard[0].startswith("images were lost on the way: The actor ")
    result = archive(reporter=Listener(), **told(white, tmp_path / "out", resume=True))
    assert (result.new, result.detected) == (1, 12)


@pytest.mark.slow
def test_memory_that_runs_out_in_an_actor_is_told_for_the_image(root, session, tmp_path):
    white = write_archive(tmp_path / "white", 12)
    save_image(white / "images/00005.png", np.full((48, 64, 3), 255, np.uint8))
    options = ArchiveOptions(**told(white, tmp_path / "out", on="ray", actors=1, part_images=4))
    work = open_work(settle(options))
    for network, _ in work.networks.models:
        network.__class__, network.raises = Deadly, True
    left = with_stored(options, read_manifest(options.manifest).table, Listener())
    found = list(detected_on_ray(options, work, left, Listener()))
    assert sum(one.images for one in found) == 11
    problems = [one for one in found if one.lost]
    assert [(one.images, one.lost) for one in problems] == [(0, 1)]
    assert problems[0].problem.startswith("image 00005: ")
    assert "00005" not in rows_of(tmp_path / "out")


def test_a_folder_that_cannot_be_written_loses_no_row_silently(root, session, tmp_path):
    options = ArchiveOptions(**told(root, tmp_path / "out", on="ray", actors=1, part_images=20))
    work = open_work(settle(options))
    (tmp_path / "out").write_text("in the way")
    left = with_stored(options, read_manifest(options.manifest).table, Listener())
    found = list(detected_on_ray(options, work, left, Listener()))
    assert sum(one.lost for one in found) == COUNT + 1
    assert all("out/part-" in one.problem and "cannot be written" in one.problem for one in found)


def test_too_many_actors_and_missing_gpus_are_told(root, session, tmp_path):
    options = told(root, tmp_path / "out", on="ray", reporter=Listener())
    with pytest.raises(EnvironmentProblem, match=r"actors=3: the cluster has 3 CPUs; each actor"):
        archive(**options, actors=3)
    if not ray.cluster_resources().get("GPU"):
        with pytest.raises(EnvironmentProblem, match="device=cuda: 1 GPUs are needed, the cluster"):
            archive(**{**options, "device": "cuda"})


def test_a_cluster_that_is_not_there_is_told(root, tmp_path):
    ray.shutdown()
    with pytest.raises(DetectError, match=r"on=127\.0\.0\.1:1: no Ray cluster: .* Start one there"):
        archive(**told(root, tmp_path / "out", on="127.0.0.1:1", reporter=Listener()))
    assert not (tmp_path / "out").exists()
