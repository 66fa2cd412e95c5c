"""What travels between modules: checked when made, read-only, with stated defaults."""

import dataclasses

import numpy as np
import pytest

from detect.structures import NO_ANNOTATIONS, Annotations, Detections, Proposals

BOXES = np.array([[0, 0, 4, 2], [1, 1, 2, 3.5]], np.float64)


def annotations(**changes: object) -> Annotations:
    return Annotations(**{"boxes": BOXES, "labels": [0, 2]} | changes)  # type: ignore[arg-type]


def proposals(**changes: object) -> Proposals:
    given = {"boxes": BOXES, "scores": [0.5, 1], "sources": ["multibox", "x"]}
    return Proposals("a", (10, 20), **given | changes)  # type: ignore[arg-type]


def detections(**changes: object) -> Detections:
    given = {"boxes": BOXES, "labels": [1, 0], "scores": [0.1, 0.9]}
    return Detections("a", **given | changes)  # type: ignore[arg-type]


KINDS = [annotations, proposals, detections]


@pytest.mark.parametrize("make", KINDS)
def test_arrays_are_typed_read_only_copies(make) -> None:
    boxes = BOXES.copy()
    made = make(boxes=boxes)
    boxes[:] = 7
    np.testing.assert_array_equal(made.boxes, BOXES)
    assert made.boxes.dtype == np.float32
    for field in dataclasses.fields(made):
        value = getattr(made, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable, field.name
            assert len(value) == len(made) == 2


@pytest.mark.parametrize("make", KINDS)
def test_fields_cannot_be_replaced(make) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make().boxes = BOXES


@pytest.mark.parametrize("make", KINDS)
def test_an_image_without_boxes_keeps_its_shapes(make) -> None:
    names = {field.name for field in dataclasses.fields(make())}
    empty = make(**{name: [] for name in names & {"boxes", "labels", "scores", "sources"}})
    assert len(empty) == 0
    assert empty.boxes.shape == (0, 4)
    assert empty.boxes.dtype == np.float32


@pytest.mark.parametrize("make", KINDS)
def test_wrong_shapes_say_expected_and_got(make) -> None:
    kind = type(make()).__name__
    with pytest.raises(ValueError, match=rf"{kind}\.boxes: expected shape \(2, 4\), got \(2, 3\)"):
        make(boxes=BOXES[:, :3])
    name = "scores" if kind != "Annotations" else "labels"
    with pytest.raises(ValueError, match=rf"{kind}\.{name}: expected shape \(2,\), got \(3,\)"):
        make(**{name: [1, 2, 3]})


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_must_be_finite(make, value: float) -> None:
    boxes = BOXES.copy()
    boxes[1, 2] = value
    with pytest.raises(ValueError, match=r"\.boxes: coordinates must be finite"):
        make(boxes=boxes)


def test_defaults_of_annotations() -> None:
    made = annotations()
    assert made.areas.tolist() == [8, 2.5]
    assert made.ids.tolist() == [1, 2]
    assert not made.difficult.any()
    assert not made.crowd.any()
    assert made.labels.dtype == made.ids.dtype == np.int64
    assert made.difficult.dtype == made.crowd.dtype == np.bool_


def test_what_the_source_states_is_kept() -> None:
    made = annotations(areas=[1.5, 2], ids=[7, 2**40], crowd=[0, 1], difficult=[1, 0])
    assert made.areas.tolist() == [1.5, 2]
    assert made.ids.tolist() == [7, 2**40]
    assert made.crowd.tolist() == [False, True]
    assert made.difficult.tolist() == [True, False]


def test_no_annotations() -> None:
    assert len(NO_ANNOTATIONS) == 0
    assert NO_ANNOTATIONS.boxes.shape == (0, 4)


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_scores_of_detections_must_be_finite(value: float) -> None:
    with pytest.raises(ValueError, match=r"Detections\.scores: scores must be finite"):
        detections(scores=[0.5, value])


def test_scores_of_detections_keep_double_precision() -> None:
    close = [0.1, 0.1 + 1e-12]
    assert detections(scores=close).scores.tolist() == close


@pytest.mark.parametrize(
    ("index", "expected"), [([1, 0], [1, 0]), (np.array([False, True]), [1]), (slice(1), [0])]
)
def test_take_keeps_boxes_scores_and_sources_together(index, expected: list[int]) -> None:
    whole = proposals()
    part = whole.take(index)
    assert (part.image_id, part.size) == ("a", (10, 20))
    np.testing.assert_array_equal(part.boxes, whole.boxes[expected])
    np.testing.assert_array_equal(part.scores, whole.scores[expected])
    assert part.sources.tolist() == [whole.sources[i] for i in expected]


def test_take_of_nothing() -> None:
    part = proposals().take([])
    assert part.boxes.shape == (0, 4)
    assert part.sources.shape == (0,)
