"""What is said of boxes, each by its smallest case."""

import pytest
from checking import kinds, said, seen

from detect.checks.boxes import check_boxes

SIZE = (100, 200)


def of(*boxes, actual=SIZE, **given):
    return list(check_boxes(seen(boxes, **given), actual))


def test_sound_boxes_give_nothing():
    assert of((0, 0, 200, 100), (10, 10, 20, 20), (15, 10, 25, 20)) == []
    assert of() == []


def test_a_box_that_leaves_its_image_by_more_than_a_pixel_is_outside():
    assert of((-1, -1, 201, 101)) == []
    assert said(of((0, 0, 250, 50))) == [
        (
            "outside",
            "a (train): object 1 (cat) from (0, 0) to (250, 50) leaves the image of 200x100 px "
            "by 50 px",
        )
    ]
    assert kinds(of((-3, 0, 50, 50))) == ["outside"]
    assert kinds(of((0, 60, 50, 102))) == ["outside"]


def test_the_stated_size_counts_where_the_file_has_none():
    assert kinds(of((0, 0, 250, 50), actual=None)) == ["outside"]
    assert of((0, 0, 250, 50), actual=None, size=None) == []


def test_boxes_that_fit_the_file_are_not_outside_because_the_stated_size_is_wrong():
    assert of((0, 0, 150, 90), size=(200, 100), actual=SIZE) == []


def test_boxes_without_area_are_told_once_and_never_as_something_else():
    found = of((50, 10, 30, 40), (10, 10, 10, 20))
    assert said(found) == [
        ("flat", "a (train): object 1 (cat) is -20x30 px, from (50, 10) to (30, 40)"),
        ("flat", "a (train): object 2 (cat) is 0x10 px, from (10, 10) to (10, 20)"),
    ]
    assert kinds(of((250, 10, 240, 40))) == ["flat"]


@pytest.mark.parametrize(
    "boxes",
    [
        [(0.16, 0.17, 0.35, 0.43)],  # COCO's
        [(-0.84, -0.83, 0.35, 0.43), (-1, -1, 1, 0.5)],  # VOC's: the reader takes 1 off
    ],
)
def test_fractions_are_told_as_such_and_not_as_tiny_or_outside(boxes):
    (found,) = of(*boxes)
    assert found.kind == "fractions"
    many = "1 object" if len(boxes) == 1 else "2 objects"
    assert found.text == f"a (train): {many} within the first pixel of the image"


def test_small_boxes_in_pixels_are_no_fractions():
    assert kinds(of((0, 0, 1, 1))) == ["tiny"]
    assert kinds(of((0.2, 0.2, 0.9, 0.9), (20, 20, 60, 60))) == ["tiny"]


def test_doubled_boxes_of_one_class_and_of_two():
    assert said(of((10, 10, 60, 60), (10, 10, 60, 60))) == [
        ("doubled", "a (train): object 1 (cat) and object 2 (cat) have the same box")
    ]
    # 50 x 50 and 50 x 47: IoU 0.94; 50 x 44 is 0.88.
    assert said(of((10, 10, 60, 60), (10, 10, 60, 57), labels=[0, 1])) == [
        ("two-classes", "a (train): object 1 (cat) and object 2 (dog) overlap by IoU 0.94")
    ]
    assert of((10, 10, 60, 60), (10, 10, 60, 54)) == []


def test_crowds_cover_what_is_in_them():
    assert of((10, 10, 60, 60), (10, 10, 60, 60), crowd=[True, False]) == []
    assert of((10, 10, 13, 13), crowd=[True]) == []


def test_pairs_are_found_beyond_the_rows_compared_at_once():
    boxes = [(2 * x, 0, 2 * x + 30, 30) for x in range(300)]
    found = of(*boxes, boxes[0], boxes[299], size=(100, 700), actual=(100, 700))
    assert [one.objects for one in found if "same box" in one.text] == [(0, 300), (299, 301)]


def test_pairs_are_told_by_their_places_among_all_objects():
    (found,) = of((0, 0, 0, 9), (10, 10, 60, 60), (10, 10, 60, 60))[1:]
    assert found.objects == (1, 2)


def test_tiny_is_what_no_region_of_ten_pixels_covers_by_half():
    # Inside a region of 10 x 10: 8 x 7 is 0.56 of it, 7 x 7 is 0.49; 4 x 100 in 10 x 100 is 0.4.
    assert of((0, 0, 8, 7), (20, 0, 26, 100)) == []
    assert said(of((0, 0, 7, 7))) == [
        (
            "tiny",
            "a (train): object 1 (cat) is 7x7 px; regions of 10 px a side reach an IoU of 0.49 "
            "with it at most",
        )
    ]
    assert kinds(of((0, 0, 4, 100))) == ["tiny"]
