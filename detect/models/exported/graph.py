"""A network as an ONNX graph: crops in, what the network says of them out."""

import warnings
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from detect.errors import DetectError
from detect.models.inference import prepare_for_inference
from detect.models.multibox import MultiBox
from detect.models.region_classifier import Outputs, RegionClassifier

if TYPE_CHECKING:
    import onnx

INPUT = "crops"
_BATCH = "batch"  # the name of the axis whose length may be any


class Graph(nn.Module):
    """`network` made ready to evaluate, with the outputs `names` that its exported file has.

    Of crops (N, 3, S, S) uint8, RGB. A region classifier: logits (N, C+1), background last, and
    deltas (N, K, 4) if it moves boxes. MultiBox: boxes (N, K, 4), fractions of the crop, not
    clipped, and scores (N, K), 0 to 1.
    """

    def __init__(self, network: RegionClassifier | MultiBox) -> None:
        super().__init__()
        self.network = prepare_for_inference(network).cpu()
        self.names = _names(network)

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, as many as `names`."""
        found = self.network(crops)
        if isinstance(self.network, MultiBox):
            offsets, logits = found
            return self.network.decode(offsets), logits.sigmoid()
        if isinstance(found, Outputs):
            return cast(Tensor, found.logits), found.deltas
        return (found,)


def _names(network: RegionClassifier | MultiBox) -> tuple[str, ...]:
    if isinstance(network, MultiBox):
        return "boxes", "scores"
    return ("logits",) if network.regression is None else ("logits", "deltas")


def to_onnx(graph: Graph, side: int) -> "onnx.ModelProto":
    """Return `graph` for crops of `side` px, as many at a time as one likes.

    DetectError where torch or ONNX has no way to say what a network does.
    """
    example = torch.zeros((2, 3, side, side), dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph.eval(),
                (example,),
                input_names=[INPUT],
                output_names=list(graph.names),
                dynamic_shapes=({0: _BATCH},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DetectError(
            f"torch {torch.__version__} cannot write this network as ONNX "
            f"({type(error).__name__}: {reason}). Nothing was written."
        ) from error
    if program is None:
        raise DetectError(
            f"torch {torch.__version__} wrote no ONNX graph of this network. Nothing was written."
        )
    return _without_traces(program.model_proto)


def _without_traces(model: Any) -> Any:
    """Take out where in the source each operation comes from: paths of this machine."""
    for function in (model.graph, *model.functions):
        for one in (*function.node, *function.value_info):
            one.ClearField("metadata_props")
            one.ClearField("doc_string")
    for one in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        one.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    return model
