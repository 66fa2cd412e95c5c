"""The forms in which detections leave: tables for people, other libraries' objects.

Of arrays: `boxes` (N, 4) xyxy px, `labels` (N,) from 0, `scores` (N,), N `names`.
"""

import html
import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.errors import EnvironmentProblem

Columns = dict[str, list[Any]]

# Rows of a table for people; more would bury what stands around it.
_ROWS = 20


def class_names(labels: NDArray[np.int64], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the class name of each of `labels`; "class N" where there are no `classes`."""
    return tuple(classes[label] if classes else f"class {label}" for label in labels.tolist())


def columns(
    names: Sequence[str], scores: NDArray[np.float64], boxes: NDArray[np.float32]
) -> Columns:
    """Return the columns name, score, x1, y1, x2, y2 (px)."""
    corners = zip(("x1", "y1", "x2", "y2"), boxes.T.tolist(), strict=True)
    return {"name": list(names), "score": scores.tolist(), **dict(corners)}


def coco_results(
    image_id: int | str,
    category_ids: Sequence[int],
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Return COCO results, one a box; label l is `category_ids[l]`."""
    boxes_xywh = boxes.astype(np.float64)
    boxes_xywh[:, 2:] -= boxes_xywh[:, :2]
    rows = zip(labels.tolist(), boxes_xywh.tolist(), scores.tolist(), strict=True)
    return [
        {"image_id": image_id, "category_id": category_ids[label], "bbox": bbox, "score": score}
        for label, bbox, score in rows
    ]


def data_frame(table: Columns) -> Any:
    """Return a pandas.DataFrame; EnvironmentProblem without pandas."""
    return _optional("pandas").DataFrame(table)


def torchvision_result(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> dict[str, Any]:
    """Return tensors as torchvision's detection models name and type them; labels from 0."""
    import torch

    return {
        "boxes": torch.tensor(boxes),
        "labels": torch.tensor(labels),
        "scores": torch.tensor(scores.astype(np.float32)),
    }


def supervision_detections(
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    scores: NDArray[np.float64],
    names: Sequence[str],
) -> Any:
    """Return a supervision.Detections; EnvironmentProblem without supervision."""
    return _optional("supervision").Detections(
        xyxy=boxes.copy(),
        confidence=scores.astype(np.float32),
        class_id=labels.copy(),
        data={"class_name": np.array(names, np.str_)},
    )


def _optional(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            f"this needs {package}, which is not installed: pip install {package}."
        ) from error


def text_table(image_id: str | None, table: Columns) -> str:
    """Return a title and a line a box, in the order of `table`, as plain text."""
    rows, more = _rows(table)
    width = max((len(name) for name, *_ in rows), default=0)
    lines = [f"  {name:<{width}}  {score}  {box}" for name, score, box in rows]
    return "\n".join([_title(image_id, table), *lines, *([f"  {more}"] if more else [])])


def html_table(image_id: str | None, table: Columns) -> str:
    """Return a title and a row a box, in the order of `table`, as HTML."""
    rows, more = _rows(table)
    cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    head = "<tr><th>name</th><th>score</th><th>box (x1, y1, x2, y2 px)</th></tr>"
    caption = f"<caption>{html.escape(_title(image_id, table))}</caption>"
    return f"<table>{caption}{head}{body}</table>{f'<p>{more}</p>' if more else ''}"


def _title(image_id: str | None, table: Columns) -> str:
    """Return how many boxes there are, and of which image."""
    number = len(table["name"])
    count = f"{number} detection{'' if number == 1 else 's'}"
    return count if image_id is None else f"{image_id}: {count}"


def _rows(table: Columns) -> tuple[list[tuple[str, str, str]], str]:
    """Return the first boxes as (name, score, box), and how many more there are, in words."""
    rows = [
        (name, f"{score:.2f}", "(" + ", ".join(f"{corner:.1f}" for corner in corners) + ")")
        for name, score, *corners in zip(*table.values(), strict=True)
    ]
    more = len(rows) - _ROWS
    return rows[:_ROWS], f"and {more} more" if more > 0 else ""
