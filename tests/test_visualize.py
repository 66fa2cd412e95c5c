"""Pictures: whose detection is right, where labels go, what a picture shows."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from detect.structures import NO_ANNOTATIONS, Annotations, Detections, Image, Proposals
from detect.visualize import (
    Shown,
    contact_sheet,
    draw_detections,
    draw_ground_truth,
    draw_proposals,
    file_name,
    write_picture,
)
from detect.visualize.canvas import LONGEST_LONG_SIDE, Canvas, printable
from detect.visualize.colours import PALETTE, VERDICTS, Style, class_colour
from detect.visualize.labels import Places
from detect.visualize.verdicts import verdicts


def _grey(height: int, width: int) -> Image:
    return np.full((height, width, 3), 128, np.uint8)


def _detections(*rows: tuple[list[float], int, float]) -> Detections:
    boxes, labels, scores = zip(*rows, strict=True)
    return Detections("image", np.array(boxes), np.array(labels), np.array(scores))


def _shows(picture: Image, colour: tuple[int, int, int]) -> bool:
    return bool((picture == colour).all(axis=2).any())


# Verdicts: VOC's rules, worked by hand.

TRUTH = Annotations(
    np.array([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 80, 20]]),
    np.array([0, 0, 0, 1]),
    difficult=np.array([False, False, True, False]),
    crowd=np.array([False, False, False, True]),
)


def test_verdicts_follow_voc_matching() -> None:
    found = _detections(
        ([0, 0, 10, 9], 0, 0.6),  # the first object, but later than the next line
        ([0, 0, 10, 8], 0, 0.9),
        ([20, 0, 30, 10], 1, 0.9),  # another class
        ([20, 0, 30, 4.9], 0, 0.9),  # IoU 0.49
        ([40, 0, 50, 10], 0, 0.9),  # difficult
        ([62, 2, 66, 6], 1, 0.9),  # in a crowd
        ([62, 2, 66, 6], 0, 0.9),  # in a crowd of another class
    )
    results, hit = verdicts(found, TRUTH, iou=0.5)
    expected = ["duplicate", "right", "wrong", "wrong", "ignored", "ignored", "wrong"]
    assert results.tolist() == expected
    assert hit.tolist() == [True, False, True, True]


def test_an_iou_of_exactly_the_threshold_is_right() -> None:
    truth = Annotations(np.array([[0, 0, 10, 10]]), np.array([0]))
    results, _ = verdicts(_detections(([0, 0, 10, 5], 0, 0.9)), truth, iou=0.5)
    assert results.tolist() == ["right"]


def test_a_second_detection_does_not_go_to_the_next_best_object() -> None:
    # VOCevaldet.m looks at the object of largest overlap alone.
    truth = Annotations(np.array([[0, 0, 10, 10], [1, 0, 11, 10]]), np.array([0, 0]))
    found = _detections(([0, 0, 10, 10], 0, 0.9), ([0.1, 0, 10.1, 10], 0, 0.8))
    results, hit = verdicts(found, truth, iou=0.5)
    assert results.tolist() == ["right", "duplicate"]
    assert hit.tolist() == [True, False]


def test_verdicts_without_objects_or_without_detections() -> None:
    results, hit = verdicts(_detections(([0, 0, 5, 5], 0, 0.9)), NO_ANNOTATIONS)
    assert (results.tolist(), hit.tolist()) == (["wrong"], [])
    nothing = Detections("image", np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    results, hit = verdicts(nothing, TRUTH)
    assert (results.tolist(), hit.tolist()) == ([], [False, False, False, True])


# Labels: inside the picture, apart from each other.

BOXES = st.tuples(*[st.integers(-50, 350)] * 4).map(
    lambda v: (min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)


@settings(deadline=None)
@given(st.lists(st.tuples(BOXES, st.integers(1, 120), st.integers(1, 20)), max_size=40))
def test_labels_stay_in_the_picture_and_apart(
    wishes: list[tuple[tuple[int, int, int, int], int, int]],
) -> None:
    places = Places(300, 200)
    given_places = [places.reserve(*wish) for wish in wishes]
    taken = [place for place in given_places if place is not None]
    assert all(0 <= x1 < x2 <= 300 and 0 <= y1 < y2 <= 200 for x1, y1, x2, y2 in taken)
    cover = np.zeros((200, 300), int)
    for x1, y1, x2, y2 in taken:
        cover[y1:y2, x1:x2] += 1
    assert cover.max(initial=0) <= 1


def test_the_first_label_stands_above_its_box_and_the_next_below() -> None:
    places = Places(300, 200)
    assert places.reserve((100, 100, 150, 150), 40, 10) == (100, 90, 140, 100)
    assert places.reserve((100, 100, 130, 150), 40, 10) == (100, 150, 140, 160)


def test_a_label_without_room_is_shortened_then_counted() -> None:
    canvas = Canvas(_grey(640, 640))
    box = [300.0, 300.0, 310.0, 310.0]
    for _ in range(60):
        canvas.label(box, ["a rather long label 0.50", "0.50"], Style(PALETTE[0]))
    assert 0 < canvas.labels_left_out < 60


# Pictures.


@pytest.mark.parametrize(
    ("size", "scale"), [((30, 40), 16), ((300, 200), 3), ((640, 480), 1), ((3000, 4000), 1)]
)
def test_small_images_are_enlarged_by_a_whole_number(size: tuple[int, int], scale: int) -> None:
    truth = Annotations(np.array([[5, 5, 20, 20]]), np.array([0]))
    picture = draw_ground_truth(_grey(*size), truth, ["cat"])
    height, width = size[0] * scale, size[1] * scale
    assert (picture.dtype, picture.shape[1]) == (np.uint8, width)
    strip = picture.shape[0] - height
    assert 0.02 * max(height, width) < strip < 0.2 * max(height, width)


def test_a_narrow_picture_is_widened_for_its_legend() -> None:
    truth = Annotations(np.array([[5, 5, 20, 20]]), np.array([0]))
    picture = draw_ground_truth(_grey(640, 30), truth, ["cat"])
    assert picture.shape[1] >= 200
    assert (picture[:640, 40:] == 255).all()


@pytest.mark.parametrize("size", [(20_000, 1), (1, 20_000), (60_000, 1), (1_000_000, 2)])
def test_the_picture_of_a_line_of_pixels_is_small(size: tuple[int, int], tmp_path: Path) -> None:
    """A picture of 20,000 x 9,240 px was made of the first, 600 MB, and copied three times."""
    truth = Annotations(np.array([[0, 0, 1, 1]]), np.array([0]))
    picture = draw_ground_truth(_grey(*size), truth, ["cat"])
    assert max(picture.shape) < LONGEST_LONG_SIDE + 100
    assert sorted(picture.shape)[1] < 400
    write_picture(tmp_path / "a.jpg", picture)
    with PILImage.open(tmp_path / "a.jpg") as written:
        assert written.size == (picture.shape[1], picture.shape[0])


def test_boxes_of_a_reduced_picture_lie_where_they_were() -> None:
    side = 2 * LONGEST_LONG_SIDE
    truth = Annotations(np.array([[0.25 * side, 0, 0.75 * side, 40]]), np.array([0]))
    picture = draw_ground_truth(_grey(40, side), truth, ["cat"])
    inside = (picture[10] == class_colour(0)).all(axis=1)
    edges = np.flatnonzero(inside) / LONGEST_LONG_SIDE
    assert (edges.min(), edges.max()) == (pytest.approx(0.25, abs=1e-3), pytest.approx(0.75, 1e-3))


def test_a_picture_too_large_for_jpeg_is_reduced(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", _grey(4, 70_000))
    with PILImage.open(tmp_path / "a.jpg") as written:
        assert written.size == (65_500, 4)


def test_a_line_is_as_wide_in_a_small_view_of_a_large_image() -> None:
    widths = []
    for side in (640, 4480):
        truth = Annotations(np.array([[0.4, 0.4, 0.6, 0.6]]) * side, np.array([0]))
        picture = draw_ground_truth(_grey(side, side), truth, ["cat"])
        row = picture[side // 2, : side // 2]
        widths.append(int((row == class_colour(0)).all(axis=1).sum()) / side)
    assert widths[0] == pytest.approx(widths[1], rel=0.2)


def test_the_line_surrounds_the_box_and_leaves_its_pixels() -> None:
    truth = Annotations(np.array([[100, 100, 400, 300]]), np.array([0]))
    picture = draw_ground_truth(_grey(640, 640), truth, ["cat"])
    assert (picture[101:299, 101:399] == 128).all()
    assert (picture[200, 98:100] == class_colour(0)).all()
    assert (picture[200, 400:402] == class_colour(0)).all()
    assert (picture[300:302, 200] == class_colour(0)).all()


def test_drawing_leaves_the_image_as_it_was() -> None:
    image = _grey(50, 60)
    found = _detections(([5, 5, 20, 20], 0, 0.9))
    truth = Annotations(np.array([[5, 5, 20, 20]]), np.array([0]))
    draw_detections(image, found, ["cat"], truth)
    assert (image == 128).all()


def test_each_verdict_has_its_colour_and_its_line() -> None:
    found = _detections(([20, 20, 90, 90], 0, 0.9), ([300, 300, 400, 400], 0, 0.8))
    truth = Annotations(np.array([[20, 20, 90, 90], [500, 100, 600, 200]]), np.array([0, 0]))
    picture = draw_detections(_grey(640, 640), found, ["cat"], truth)[:640]
    lines = {name: VERDICTS[name].colour for name in ("right", "wrong", "missed")}
    assert all(_shows(picture, colour) for colour in lines.values())
    assert not _shows(picture, VERDICTS["duplicate"].colour)

    def solid(name: str, x: int, top: int, bottom: int) -> bool:
        return bool((picture[top:bottom, x] == lines[name]).all())

    assert solid("right", 90, 30, 80)
    assert not solid("wrong", 400, 310, 390)
    assert not solid("missed", 600, 110, 190)
    styles = [(style.dash, style.width) for style in VERDICTS.values()]
    assert all(first != second for first, second in itertools.combinations(styles, 2))


def test_detections_below_the_threshold_are_not_drawn() -> None:
    found = _detections(([20, 20, 90, 90], 0, 0.5), ([300, 300, 400, 400], 1, 0.49))
    picture = draw_detections(_grey(640, 640), found, ["cat", "dog"], threshold=0.5)
    assert _shows(picture, class_colour(0))
    assert not _shows(picture, class_colour(1))


def test_a_class_without_a_threshold_of_its_own_is_drawn_from_one_half() -> None:
    found = _detections(([20, 20, 90, 90], 0, 0.3), ([300, 300, 400, 400], 1, 0.5))
    for low, shown in ((0.2, True), (0.4, False)):
        picture = draw_detections(_grey(640, 640), found, ["cat", "dog"], threshold={"cat": low})
        assert _shows(picture, class_colour(0)) is shown
        assert _shows(picture, class_colour(1))


def test_proposals_are_the_best_of_each_source_in_turn() -> None:
    boxes = np.array([[x, 10, x + 20, 40] for x in range(0, 500, 50)], np.float32)
    sources = np.array(["selective-search"] * 7 + ["multibox"] * 3)
    proposals = Proposals("image", (640, 640), boxes, np.zeros(10), sources)
    picture = draw_proposals(_grey(640, 640), proposals, limit=4)
    drawn = [x for x in range(0, 500, 50) if (picture[25, x + 20] != 128).any()]
    assert drawn == [0, 50, 350, 400]
    colours = {tuple(picture[25, x + 20]) for x in drawn}
    assert len(colours) == 2


def test_boxes_without_area_and_boxes_outside_are_drawn_at_the_border() -> None:
    found = _detections(([-900, -900, -800, -800], 0, 0.9), ([700, 5, 1e6, 9], 0, 0.9))
    found = _detections(*zip(found.boxes.tolist(), found.labels, found.scores, strict=True))
    picture = draw_detections(_grey(640, 640), found, ["cat"])
    assert _shows(picture[:640], class_colour(0))
    one_pixel = Annotations(np.array([[3, 3, 3, 3]]), np.array([0]))
    assert _shows(draw_ground_truth(_grey(10, 10), one_pixel, ["cat"]), class_colour(0))


def test_images_without_anything_to_draw() -> None:
    empty = Detections("image", np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    none = Proposals("image", (40, 40), np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    for picture in (
        draw_ground_truth(_grey(40, 40), NO_ANNOTATIONS, []),
        draw_detections(_grey(40, 40), empty, []),
        draw_detections(_grey(40, 40), empty, [], NO_ANNOTATIONS),
        draw_proposals(_grey(40, 40), none),
    ):
        assert (picture[:640, :640] == 128).all()
        assert picture.shape[0] > 640


def test_letters_the_font_lacks_are_not_boxes() -> None:
    assert printable("Ærø ядро ποτ 0.5", 3) == "Ærø ядро ποτ 0.5"
    assert printable("猫", 3) == "class 3"


def test_class_colours_differ() -> None:
    colours = [class_colour(label) for label in range(40)]
    assert len(set(colours)) == 40


# Files.


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=300), unique=True, max_size=20))
def test_file_names_are_safe_and_differ(ids: list[str]) -> None:
    names = [file_name(image_id) for image_id in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert not name.startswith(".")
        assert not set(name) & set('/\\:*?"<>|\0\n')
        assert len(name.encode()) < 200


def test_plain_ids_keep_their_names() -> None:
    assert file_name("BloodImage_00001") == "BloodImage_00001"
    assert file_name("train/part_0/n01").startswith("train_part_0_n01-")
    assert file_name("../../etc/passwd").startswith("_.._etc_passwd-")


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG")])
def test_pictures_are_written_in_the_format_of_their_name(
    tmp_path: Path, name: str, kind: str
) -> None:
    write_picture(tmp_path / "new" / name, _grey(20, 30))
    with PILImage.open(tmp_path / "new" / name) as picture:
        assert (picture.format, picture.size) == (kind, (30, 20))
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


# Sheets and notebooks.


def test_a_sheet_has_each_picture_at_its_place_and_its_text_below() -> None:
    pictures = [np.full((40, width, 3), level, np.uint8) for level, width in ((10, 50), (90, 60))]
    for texts in ((), ("one", "two")):
        sheet = contact_sheet([*pictures, pictures[0]], 2, (*texts, "three") if texts else ())
        down = (sheet.shape[0] - 12) // 2
        assert sheet.shape[1] == 12 + 2 * (60 + 12)
        assert (sheet[12:52, 12:62] == 10).all()
        assert (sheet[12:52, 84:144] == 90).all()
        assert (sheet[12 + down : 52 + down, 12:62] == 10).all()
        assert (sheet[52 : 12 + down, 12:72] < 100).any() == bool(texts)
    for wrong, texts in (([], ()), (pictures, ("one",))):
        with pytest.raises(ValueError, match=r"^contact_sheet: \d pictures, \d texts"):
            contact_sheet(wrong, 2, texts)


def test_a_notebook_shows_a_picture_as_jpeg() -> None:
    picture = np.random.default_rng(0).integers(100, 110, (30, 40, 3)).astype(np.uint8)
    shown = PILImage.open(io.BytesIO(Shown(picture)._repr_jpeg_()))
    assert (shown.format, shown.size) == ("JPEG", (40, 30))
    assert np.abs(np.asarray(shown).astype(int) - picture).max() < 20
