"""What decides Selective Search's boxes, and the presets; light, for whoever only names them.

SearchSettings from R-CNN's selective_search/selective_search_boxes.m; names as in its files.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

LONGEST_SIDE = 1500  # px of the resized image: bounds time and memory of very long images

# Uijlings et al. section 3.2, "Complementary Colour Spaces" and "... Similarity Measures".
ColourSpace = Literal["hsv", "lab", "rgi", "hue", "intensity"]
Strategy = Literal["colour+texture+size+fill", "texture+size+fill", "fill", "size"]
# Our own grouping or OpenCV's; what ranks the boxes: see selective_search.py.
Search = Literal["own", "opencv"]
Ranking = Literal["area", "hierarchy"]
Preset = Literal["rcnn", "googlenet", "rcnn-quality", "googlenet-quality"]
COLOUR_SPACES: tuple[ColourSpace, ...] = get_args(ColourSpace)
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True)
class SearchSettings:
    """What decides the boxes; defaults are the preset `rcnn` (R-CNN's fast mode).

    `ks` scale of Felzenszwalb and Huttenlocher's graph segmentation and smallest superpixel,
    px of the resized image; `sigma` its Gaussian, px; `width` px the image is resized to, its
    longer side at most 1500; `min_side` px of the original below which a box is dropped.
    `search` finds the boxes, `ranking` orders them.
    """

    colour_spaces: tuple[ColourSpace, ...] = ("hsv", "lab")
    ks: tuple[int, ...] = (50, 100)
    strategies: tuple[Strategy, ...] = ("colour+texture+size+fill", "texture+size+fill")
    sigma: float = 0.8
    width: int = 500
    min_side: float = 10.0
    search: Search = "own"
    ranking: Ranking = "area"

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown name or a number out of its range."""
        choices = ((self.colour_spaces, COLOUR_SPACES), (self.strategies, STRATEGIES))
        for names, known in choices:
            unknown = [name for name in names if name not in known]
            if unknown or not names:
                raise ValueError(f"unknown {unknown or 'empty list'}; known: {', '.join(known)}")
        if not self.ks or min(self.ks) < 1:
            raise ValueError(f"every k must be at least 1, got {list(self.ks)}")
        if not 16 <= self.width <= LONGEST_SIDE:
            raise ValueError(f"width must be 16 to {LONGEST_SIDE} px, got {self.width}")
        if not (0 < self.sigma < math.inf and 0 <= self.min_side < math.inf):
            raise ValueError("sigma must be above 0 px and min_side at least 0 px, both finite")
        if self.ranking == "hierarchy" and self.search == "opencv":
            raise ValueError("OpenCV does not give the hierarchy: ranking by it takes search own")


# R-CNN's fast mode (k 50, 100) and full mode (five colour spaces, four strategies, k 50 to 300).
# `googlenet` doubles the superpixels (GoogLeNet's paper, section 8): every k twice as large.
_ALL = SearchSettings(COLOUR_SPACES, (50, 100, 150, 300), STRATEGIES)
PRESETS: dict[str, SearchSettings] = {
    "rcnn": SearchSettings(),
    "googlenet": SearchSettings(ks=(100, 200)),
    "rcnn-quality": _ALL,
    "googlenet-quality": replace(_ALL, ks=(100, 200, 300, 600)),
}
