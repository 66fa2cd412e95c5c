"""Several proposals files in one table, in the form of the claim of GoogLeNet's detection entry.

arXiv 1409.4842, section 8: doubled superpixels and 200 MultiBox boxes are "in total, about 60% of
the proposals used by" R-CNN, "while increasing the coverage from 92% to 93%".
"""

from collections.abc import Sequence

from detect.evaluation.figures import RecallScores

_HEAD = (
    "proposals",
    "boxes an image",
    "% of the first",
    "coverage 0.50",
    "coverage 0.70",
    "recall 0.50",
    "recall 0.70",
    "AR",
    "class mean coverage 0.50",
)


def comparison_rows(names: Sequence[str], scores: Sequence[RecallScores]) -> list[list[str]]:
    """Return a head and a row a file: `names` (R) and their `scores` (R), in percent.

    The boxes are compared with those of the first; "-" where that has none. All boxes of an
    image count. "AR" is Hosang's.
    """
    first = scores[0].boxes_per_image
    rows = [_row(*pair, first) for pair in zip(names, scores, strict=True)]
    return [list(_HEAD), *rows]


def _row(name: str, scores: RecallScores, first: float) -> list[str]:
    boxes = scores.boxes_per_image
    shares = [
        scores.coverage["all"]["0.50"],
        scores.coverage["all"]["0.70"],
        scores.recall["all"]["0.50"],
        scores.recall["all"]["0.70"],
        scores.average_recall["all"].hosang,
        scores.class_mean.coverage["all"]["0.50"],
    ]
    compared = f"{100 * boxes / first:.0f}" if first else "-"
    return [name, f"{boxes:.1f}", compared, *(f"{100 * share:.1f}" for share in shares)]


def short_names(paths: Sequence[str]) -> list[str]:
    """Return the shortest endings of `paths` that differ, without ".parquet"; "/" separates."""
    parts = [path.removesuffix(".parquet").strip("/").split("/") for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(set(paths)):
            return names
    return list(paths)
