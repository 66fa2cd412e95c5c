"""Pictures for people: boxes drawn on copies. The only place that rounds boxes to pixels."""

from detect.visualize.coverage import draw_coverage
from detect.visualize.drawing import draw
from detect.visualize.files import Shown, file_name, jpeg, write_picture
from detect.visualize.pictures import draw_detections, draw_ground_truth, draw_proposals
from detect.visualize.sheet import contact_sheet

__all__ = [
    "Shown",
    "contact_sheet",
    "draw",
    "draw_coverage",
    "draw_detections",
    "draw_ground_truth",
    "draw_proposals",
    "file_name",
    "jpeg",
    "write_picture",
]
