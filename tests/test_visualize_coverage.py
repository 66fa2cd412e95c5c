"""What each source covers: a panel a source, colours by the best IoU of every object."""

import numpy as np

from detect.structures import NO_ANNOTATIONS, Annotations, Proposals
from detect.visualize import draw_coverage
from detect.visualize.colours import GREEN, SKY, YELLOW

IMAGE = np.full((480, 640, 3), 128, np.uint8)
TRUTHS = Annotations(
    np.array([[50, 50, 150, 150], [300, 100, 400, 200], [500, 300, 600, 400]], np.float32),
    np.array([0, 0, 0]),
)


def proposals(*rows: tuple[list[float], str]) -> Proposals:
    boxes, sources = zip(*rows, strict=True) if rows else ((), ())
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    return Proposals("image", (480, 640), corners, np.ones(len(rows)), np.array(sources, np.str_))


def shows(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture[:480] == colour).all(axis=2).any())


def test_every_source_has_its_panel_and_its_verdicts():
    found = proposals(
        ([50, 50, 150, 150], "selective-search"),  # IoU 1
        ([300, 100, 400, 165], "selective-search"),  # IoU 0.65
        ([500, 300, 600, 400], "multibox"),
    )
    picture = draw_coverage(IMAGE, found, TRUTHS)
    assert picture.shape[1] == 640 + 12 + 640
    left, right = picture[:, :640], picture[:, 652:]
    assert (picture[:, 640:652] == 255).all()
    assert [shows(left, colour) for colour in (GREEN, SKY, YELLOW)] == [True, True, True]
    assert [shows(right, colour) for colour in (GREEN, SKY, YELLOW)] == [True, False, True]


def test_a_covering_box_is_drawn_where_it_is_and_a_missed_object_where_it_is():
    picture = draw_coverage(IMAGE, proposals(([300, 100, 400, 165], "a")), TRUTHS)
    assert (picture[164:170, 350] == SKY).all(axis=1).any()  # the box's lower side
    assert not (picture[198:204, 350] == SKY).all(axis=1).any()  # not the object's
    assert (picture[398:404, 500:600] == YELLOW).all(axis=2).any()


def test_crowd_regions_are_left_out():
    crowd = Annotations(TRUTHS.boxes, TRUTHS.labels, crowd=np.array([False, True, True]))
    picture = draw_coverage(IMAGE, proposals(([50, 50, 150, 150], "a")), crowd)
    assert not shows(picture, YELLOW)


def test_nothing_proposed_and_nothing_to_cover():
    assert shows(draw_coverage(IMAGE, proposals(), TRUTHS), YELLOW)
    picture = draw_coverage(IMAGE, proposals(([50, 50, 150, 150], "a")), NO_ANNOTATIONS)
    assert not shows(picture, GREEN)
