"""Networks in one graph for torch.compile, where compiling pays, and where it fails."""

from typing import Any

import numpy as np
import pytest
import torch
from networks import network

from detect.crops import batched
from detect.crops.geometry import windows
from detect.detector import RegionScorer
from detect.errors import EnvironmentProblem
from detect.models import compiled
from detect.models.inference import ready_on
from detect.models.region_classifier import RegionClassifier
from detect.structures import FloatArray, Image

CPU = torch.device("cpu")
IMAGE: Image = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def boxes(count: int) -> FloatArray:
    corners = np.random.default_rng(1).uniform(0, 60, (count, 2))
    return np.concatenate([corners, corners + 30], axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """Forget what earlier tests compiled."""
    torch.compiler.reset()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("variant", ["paper", "bn", "torchvision"])
def test_every_variant_is_one_graph_with_equal_outputs(variant: str, precision: str) -> None:
    torch.manual_seed(0)
    model = ready_on(CPU, RegionClassifier(3, variant, 0.25), precision)
    crops = torch.rand(4, 3, 32, 32).mul(255).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        whole = torch.compile(model, fullgraph=True, backend="eager")
        torch.testing.assert_close(whole(crops), model(crops), rtol=0, atol=0)
    assert model(crops).dtype == getattr(torch, precision)


def test_cutting_is_compiled_once_for_images_and_batches_of_all_sizes() -> None:
    seen = []

    def backend(graph: Any, _: Any) -> Any:
        seen.append(graph)
        return graph

    sample = torch.compile(batched.sample, backend=backend, dynamic=True, fullgraph=True)
    colour = batched.fill_tensor((120, 110, 100), CPU)
    for height, width, count in ((60, 80, 5), (50, 90, 17), (33, 44, 2)):
        image = torch.from_numpy(IMAGE[:height, :width].copy()).permute(2, 0, 1)
        shown = windows(boxes(count), (height, width), 24)
        crops = torch.empty(count, 24, 24, 3)
        sample(image, torch.from_numpy(batched.as_rows(shown)), colour, crops)
        expected = batched.crop(image, shown, 24, (120, 110, 100))
        torch.testing.assert_close(crops.permute(0, 3, 1, 2), expected)
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("choice", "device", "crops", "expected"),
    [
        ("auto", "cpu", 10**9, False),
        ("auto", "cuda", None, False),
        ("auto", "cuda", compiled.WORTH_COMPILING - 1, False),
        ("auto", "cuda", compiled.WORTH_COMPILING, True),
        ("on", "cpu", None, True),
        ("off", "cuda", 10**9, False),
    ],
)
def test_auto_compiles_for_many_crops_on_a_gpu(
    choice: str, device: str, crops: int | None, expected: bool
) -> None:
    assert compiled.pays(choice, torch.device(device), crops) == expected


def test_a_compiled_detector_scores_the_same_in_full_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", "eager")
    detector = RegionScorer([network(0), network(1)], precision="float32", batch_size=16)
    expected = detector.outputs(IMAGE, boxes(21)).scores
    detector.compile()
    assert detector.packing.full
    np.testing.assert_allclose(detector.outputs(IMAGE, boxes(21)).scores, expected, atol=1e-4)


def broken(*_: Any) -> Any:
    raise RuntimeError("Failed to find C compiler.\nPlease specify via CC environment variable.")


def test_where_it_cannot_be_done_words_say_so_and_all_is_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compiled, "BACKEND", broken)
    detector = RegionScorer([network(0)], precision="float32", batch_size=16)
    expected = detector.outputs(IMAGE, boxes(5)).scores
    with pytest.raises(EnvironmentProblem, match=r"compiled here .*find C compiler\..* Use"):
        detector.compile()
    assert not detector.packing.full
    np.testing.assert_array_equal(detector.outputs(IMAGE, boxes(5)).scores, expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 1e-2)])
def test_a_gpu_compiled_gives_what_it_gives_otherwise(precision: str, tolerance: float) -> None:
    device = torch.device("cuda:0")
    detector = RegionScorer([network(0)], device, precision=precision, batch_size=32)
    expected = detector.outputs(IMAGE, boxes(40)).scores
    detector.compile()
    found = detector.outputs(IMAGE, boxes(40)).scores
    assert np.abs(found - expected).mean() < tolerance
    assert precision == "bfloat16" or np.abs(found - expected).max() < 1e-3
