"""A MultiBox network looks at several views of an image, and the best boxes stay.

Erhan et al., arXiv 1312.2249, section 4.2 (views at two scales, NMS at 0.5, the best); GoogLeNet's
entry (arXiv 1409.4842, section 8) adds 200 of them to Selective Search's.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detect.boxes import clip
from detect.errors import DetectError, option
from detect.models.cards import MultiBoxCard
from detect.models.device import autocast, resolve_precision
from detect.models.exported.network import EngineMultiBox
from detect.models.inference import prepare_for_inference
from detect.models.multibox import MultiBox
from detect.models.shared import SharedNetwork
from detect.models.shared_card import SharedCard
from detect.nms import nms
from detect.proposals.adaptive_nms import adaptive_nms
from detect.proposals.views import Window, believed, to_image, views, warp
from detect.structures import FloatArray, Image, IntArray, Proposals, Size

SOURCE = "multibox"
ADAPTIVE = 0.0  # in place of an IoU: adaptive_nms
SMALLEST_SIDE = 1.0  # px of the image (ours)

# Ours: bounds the memory for the hundreds of dense views of a very long image.
_VIEWS_AT_ONCE = 32


class MultiBoxProposer:
    """Proposes with a copy of `network` on `device`, as its `card` says, also one of one trunk.

    `card.views` of an image (proposals/views.py), the best `card.per_view` boxes of each, NMS at
    IoU `card.nms` (ADAPTIVE: adaptive_nms), the best `card.boxes`. `precision` as in
    models.device.autocast. Runs in as many threads as torch has; round-off depends on them.
    """

    def __init__(
        self,
        network: MultiBox | SharedNetwork | EngineMultiBox,
        card: MultiBoxCard | SharedCard,
        device: torch.device,
        precision: str = "auto",
    ) -> None:
        self.card, self.device = card, device
        self.precision = resolve_precision(device, precision)
        self._sides = card.sides if isinstance(card, SharedCard) else card.input_size
        self._look: Callable[[Tensor], tuple[Tensor, Tensor]] = (
            network
            if isinstance(network, EngineMultiBox)
            else _looking(prepare_for_inference(network).to(device))
        )

    def __call__(self, image: Image, image_id: str) -> Proposals:
        """`image` (H, W, 3) -> at most `card.boxes` boxes, best first, scores 0 to 1.

        Raises DetectError for outputs that are not finite.
        """
        size: Size = (image.shape[0], image.shape[1])
        windows = views(size, self.card.views)
        outputs = zip(*self._predict(image, windows), windows, strict=True)
        parts = [_best_of_view(*output, size, self.card.per_view) for output in outputs]
        boxes, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = best_first(boxes, scores)
        boxes, scores = boxes[order], scores[order]
        kept = suppress(boxes, self.card.nms, self.card.boxes)
        sources = np.full(len(kept), SOURCE)
        return Proposals(image_id, size, boxes[kept], scores[kept], sources)

    @torch.inference_mode()
    def _predict(self, image: Image, windows: Sequence[Window]) -> tuple[FloatArray, FloatArray]:
        """Return boxes (V, K, 4) in fractions of the V `windows`, and scores (V, K)."""
        parts = []
        for start in range(0, len(windows), _VIEWS_AT_ONCE):
            group = windows[start : start + _VIEWS_AT_ONCE]
            crops = np.stack([warp(image, window, self._sides) for window in group])
            batch = torch.from_numpy(crops).permute(0, 3, 1, 2).to(self.device)
            with autocast(self.device, self.precision):
                parts.append(self._look(batch))
        boxes, scores = (torch.cat(part).cpu().numpy() for part in zip(*parts, strict=True))
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise DetectError(
                "the MultiBox network gives boxes that are not finite. Its weights are broken; if "
                f"training ended well, try {option('precision', 'float32')}."
            )
        return boxes, scores


def _looking(
    network: MultiBox | SharedNetwork,
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Return what maps crops (N, 3, H, W) to boxes (N, K, 4), fractions, and scores (N, K)."""
    outputs = network.propose if isinstance(network, SharedNetwork) else network

    def look(crops: Tensor) -> tuple[Tensor, Tensor]:
        offsets, logits = outputs(crops)
        return network.decode(offsets), logits.sigmoid()

    return look


def _best_of_view(
    boxes: FloatArray, scores: FloatArray, window: Window, size: Size, limit: int
) -> tuple[FloatArray, FloatArray]:
    """`boxes` (K, 4) in fractions of `window`, `scores` (K,) -> its best `limit` in px."""
    inside = np.clip(boxes, np.float32(0), np.float32(1))
    boxes_px = clip(to_image(inside, window), size)
    sides = boxes_px[:, 2:] - boxes_px[:, :2]
    kept = believed(inside, window, size) & (sides >= SMALLEST_SIDE).all(axis=1)
    boxes_px, scores = boxes_px[kept], scores[kept]
    order = best_first(boxes_px, scores)[:limit]
    return boxes_px[order], scores[order]


def best_first(boxes: FloatArray, scores: FloatArray) -> NDArray[np.intp]:
    """Return the order (N,) by falling score, then x1, y1, x2, y2."""
    return np.lexsort((boxes[:, 3], boxes[:, 2], boxes[:, 1], boxes[:, 0], -scores))


def suppress(boxes: FloatArray, threshold: float, limit: int) -> IntArray:
    """`boxes` (N, 4), best first -> places of the best `limit` that no better one overlaps."""
    return adaptive_nms(boxes, limit) if threshold == ADAPTIVE else nms(boxes, threshold, limit)
