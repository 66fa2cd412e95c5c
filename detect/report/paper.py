"""What the paper reports: Szegedy et al., Going Deeper with Convolutions (arXiv 1409.4842v1).

Percent throughout, as printed. Tables 2 and 3 are the classification entry (section 7), Tables
4 and 5 the detection entry (section 8). "?" stands for what was not reported.
"""

from dataclasses import dataclass

SOURCE = "Szegedy et al., Going Deeper with Convolutions, arXiv 1409.4842"


@dataclass(frozen=True)
class Table:
    """A table as printed; `numbers` are the columns whose entries are numbers."""

    number: int
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]


# Table 2, section 7: "Classification performance", ILSVRC classification, 1000 classes.
TABLE_2 = Table(
    2,
    "Classification performance",
    ("team", "year", "place", "top-5 error, %", "external data"),
    (
        ("SuperVision", "2012", "1st", "16.4", "no"),
        ("SuperVision", "2012", "1st", "15.3", "ImageNet 22k"),
        ("Clarifai", "2013", "1st", "11.7", "no"),
        ("Clarifai", "2013", "1st", "11.2", "ImageNet 22k"),
        ("MSRA", "2014", "3rd", "7.35", "no"),
        ("VGG", "2014", "2nd", "7.32", "no"),
        ("GoogLeNet", "2014", "1st", "6.67", "no"),
    ),
    (3,),
)

# Table 3, section 7: "GoogLeNet classification performance break down", validation set.
TABLE_3 = Table(
    3,
    "GoogLeNet classification performance break down",
    ("models", "crops", "cost", "top-5 error, %"),
    (
        ("1", "1", "1", "10.07"),
        ("1", "10", "10", "9.15"),
        ("1", "144", "144", "7.89"),
        ("7", "1", "7", "8.09"),
        ("7", "10", "70", "7.62"),
        ("7", "144", "1008", "6.67"),
    ),
    (0, 1, 2, 3),
)

# Table 4, section 8: "Detection performance", ILSVRC detection, 200 classes.
TABLE_4 = Table(
    4,
    "Detection performance",
    ("team", "year", "place", "mAP, %", "external data", "ensemble", "approach"),
    (
        ("UvA-Euvision", "2013", "1st", "22.6", "none", "?", "Fisher vectors"),
        ("Deep Insight", "2014", "3rd", "40.5", "ImageNet 1k", "3", "CNN"),
        ("CUHK DeepID-Net", "2014", "2nd", "40.7", "ImageNet 1k", "?", "CNN"),
        ("GoogLeNet", "2014", "1st", "43.9", "ImageNet 1k", "6", "CNN"),
    ),
    (3,),
)

# Table 5, section 8: "Single model performance for detection".
TABLE_5 = Table(
    5,
    "Single model performance for detection",
    ("team", "mAP, %", "contextual model", "bounding box regression"),
    (
        ("Trimps-Soushen", "31.6", "no", "?"),
        ("Berkeley Vision", "34.5", "no", "yes"),
        ("UvA-Euvision", "35.4", "?", "?"),
        ("CUHK DeepID-Net2", "37.7", "no", "?"),
        ("GoogLeNet", "38.02", "no", "no"),
        ("Deep Insight", "40.2", "yes", "yes"),
    ),
    (1,),
)

# Section 8, in the order of its text. The paper does not reconcile the 40 % of the text with the
# 38.02 % of Table 5.
CLAIMS = {
    "half": (
        "Superpixels of twice the size halve the boxes of Selective Search",
        "50 % of the boxes",
    ),
    "share": (
        "With 200 boxes of MultiBox added: of the boxes that R-CNN uses",
        "about 60 %",
    ),
    "coverage": ("Coverage of the objects by these boxes (R-CNN's to theirs)", "92 % to 93 %"),
    "proposals": ("mAP of one network: fewer boxes with more coverage", "+1 point"),
    "single": ("mAP of one network", "40 % (text), 38.02 % (Table 5)"),
    "ensemble": ("mAP of six networks averaged", "43.9 % (Table 4)"),
    "gain": ("Six networks against one", "+3.9 points (40 % to 43.9 %)"),
}
