"""The driver: parts, shards, workers, resuming, bad images."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from builders import save_image, texture
from hypothesis import given
from hypothesis import strategies as st

from detect.errors import DataError, EnvironmentProblem
from detect.proposals.estimate import measure
from detect.proposals.run import (
    IMAGES_PER_PART,
    Part,
    assemble,
    check_folder,
    is_finished,
    plan_parts,
    propose_images,
    propose_parts,
)
from detect.proposals.selective_search import propose
from detect.proposals.settings import SearchSettings
from detect.proposals.worker import ProposedImage
from detect.storage.proposals import ProposalFile, write_proposals
from detect.structures import Sample

PROPOSE = partial(propose, settings=SearchSettings(width=32, min_side=4))
SIZE = (24, 32)
RECIPE = {"method": "selective-search"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Seventy small images: a full part and a short one."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    found = [Sample(f"{number:03d}", folder / f"{number:03d}.png", SIZE) for number in range(70)]
    for sample in found:
        save_image(sample.path, texture(rng, SIZE))
    return found


def _run(parts: list[Part], **options: object) -> list[ProposedImage]:
    return list(propose_parts(parts, RECIPE, PROPOSE, **options))  # type: ignore[arg-type]


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _with_a_bad_image(samples: list[Sample], folder: Path) -> list[Sample]:
    bad = folder / "bad.png"
    bad.write_bytes(samples[1].path.read_bytes()[:60])
    return [samples[0], Sample("bad", bad, SIZE), samples[2]]


@given(count=st.integers(0, 500), shards=st.integers(1, 9))
def test_shards_share_the_parts_out(count: int, shards: int) -> None:
    everyone = [Sample(str(number), Path("x"), SIZE) for number in range(count)]
    whole = plan_parts(everyone, Path("p"))
    assert [sample for part in whole for sample in part.samples] == everyone
    assert all(len(part.samples) == IMAGES_PER_PART for part in whole[:-1])
    split = [plan_parts(everyone, Path("p"), (index, shards)) for index in range(1, shards + 1)]
    merged = sorted((part for shard in split for part in shard), key=lambda part: part.path)
    assert [(part.path, part.samples) for part in merged] == [
        (part.path, part.samples) for part in whole
    ]
    assert max(map(len, split)) - min(map(len, split)) <= 1


@pytest.mark.parametrize("shard", [(0, 2), (3, 2)])
def test_a_shard_that_is_none(shard: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="shard must be i/n with 1 <= i <= n"):
        plan_parts([], Path("p"), shard)


def test_workers_and_shards_give_the_same_bytes(tmp_path: Path, samples: list[Sample]) -> None:
    outcomes = _run(plan_parts(samples, tmp_path / "one"))
    assert [outcome.image_id for outcome in outcomes] == [one.image_id for one in samples]
    assert sum(len(one.proposals or ()) for one in outcomes) > 70
    _run(plan_parts(samples, tmp_path / "two"), workers=2)
    for index in (2, 1):
        _run(plan_parts(samples, tmp_path / "shards", (index, 2)))
    expected = _bytes(tmp_path / "one")
    assert list(sorted(expected)) == ["part-00000.parquet", "part-00001.parquet"]
    assert _bytes(tmp_path / "two") == _bytes(tmp_path / "shards") == expected


def test_one_file_of_the_parts_is_what_is_written_at_once(
    tmp_path: Path, samples: list[Sample]
) -> None:
    parts = plan_parts(samples, tmp_path / "parts")
    _run(parts)
    assemble(parts, tmp_path / "a.parquet", RECIPE)
    write_proposals(tmp_path / "b.parquet", ProposalFile(tmp_path / "parts"), RECIPE)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert ProposalFile(tmp_path / "a.parquet").image_ids == tuple(s.image_id for s in samples)


def test_parts_appear_as_they_are_finished(tmp_path: Path, samples: list[Sample]) -> None:
    parts = plan_parts(samples, tmp_path)
    running = propose_parts(parts, RECIPE, PROPOSE)
    for _ in range(IMAGES_PER_PART):
        next(running)
    assert not parts[0].path.exists()
    next(running)
    running.close()
    assert [is_finished(part) for part in parts] == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["part-00000.parquet"]


def test_a_part_with_other_images_is_not_finished(tmp_path: Path, samples: list[Sample]) -> None:
    part = Part(tmp_path / "part-00000.parquet", tuple(samples[:3]))
    _run([part])
    assert is_finished(part)
    longer = Part(part.path, tuple(samples[:4]))
    assert not is_finished(longer)
    assert is_finished(longer, skip_bad=True)
    assert not is_finished(Part(part.path, tuple(samples[1:4])), skip_bad=True)


def test_a_folder_of_another_recipe_is_refused(tmp_path: Path, samples: list[Sample]) -> None:
    check_folder(tmp_path / "not there", RECIPE)
    _run(plan_parts(samples[:1], tmp_path))
    check_folder(tmp_path, RECIPE)
    text = r"part-00000\.parquet and this command's proposals .* recipes: seed None and 3\."
    with pytest.raises(DataError, match=text):
        check_folder(tmp_path, {**RECIPE, "seed": 3})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_image_stops_the_work(tmp_path: Path, samples: list[Sample], workers: int) -> None:
    parts = plan_parts(_with_a_bad_image(samples, tmp_path), tmp_path / "p")
    with pytest.raises(DataError, match=r"bad\.png"):
        _run(parts, workers=workers)
    assert not (tmp_path / "p").exists()


def test_skip_bad_leaves_it_out(tmp_path: Path, samples: list[Sample]) -> None:
    parts = plan_parts(_with_a_bad_image(samples, tmp_path), tmp_path / "p")
    outcomes = _run(parts, skip_bad=True)
    assert [outcome.proposals is None for outcome in outcomes] == [False, True, False]
    assert "bad.png" in outcomes[1].problem
    assert ProposalFile(tmp_path / "p").image_ids == ("000", "002")


def test_an_image_of_another_size_is_named_with_both(tmp_path: Path, samples: list[Sample]) -> None:
    wrong = Sample("a", samples[0].path, (32, 24))
    with pytest.raises(DataError, match=r"000\.png: .*32x24 px .*24x32"):
        _run(plan_parts([wrong], tmp_path))


def test_opencv_gets_its_threads_back(samples: list[Sample]) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    list(propose_images(PROPOSE, samples[:1], workers=1))
    after = cv2.getNumThreads()
    cv2.setNumThreads(before)
    assert after == 2


def test_no_images_are_no_outcomes() -> None:
    assert list(propose_images(PROPOSE, [], workers=4)) == []


@pytest.mark.parametrize(
    ("backend", "package"), [("dask", r'"dask\[distributed\]"'), ("ray", "ray")]
)
def test_a_backend_that_is_not_installed(
    samples: list[Sample], backend: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("distributed", "ray", "ray.util.joblib"):
        monkeypatch.setitem(__import__("sys").modules, module, None)  # import then fails
    text = f"backend={backend} needs a package that is not installed: pip install {package}"
    with pytest.raises(EnvironmentProblem, match=text):
        list(propose_images(PROPOSE, samples[:2], workers=2, backend=backend))


def test_the_estimate_is_of_images_spread_over_the_split(samples: list[Sample]) -> None:
    found = measure(PROPOSE, samples)
    wanted = [samples[place] for place in (0, 23, 46, 69)]
    boxes = [len(one.proposals or ()) for one in propose_images(PROPOSE, wanted, workers=1)]
    assert (found.timed, found.boxes_per_image) == (4, sum(boxes) / 4)
    assert found.seconds_per_image > 0
    assert 100 < found.bytes_per_image < 100_000
    assert found.memory > 10e6
    assert measure(PROPOSE, samples[:1]).timed == 1


def test_the_estimate_names_a_bad_image(tmp_path: Path, samples: list[Sample]) -> None:
    with pytest.raises(DataError, match=r"bad\.png"):
        measure(PROPOSE, _with_a_bad_image(samples, tmp_path))


def test_a_caller_that_stops_early_hears_nothing_of_joblib(
    samples: list[Sample], recwarn: pytest.WarningsRecorder
) -> None:
    outcomes = propose_images(PROPOSE, samples, workers=2)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert [str(warning.message) for warning in recwarn.list] == []
