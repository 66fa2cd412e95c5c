"""A network as an ONNX graph: crops or images in, what the network says of them out."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from detect.errors import DetectError
from detect.models.exported.inputs import AXES, ExportedCard, made_inputs
from detect.models.inference import prepare_for_inference
from detect.models.multibox import MultiBox
from detect.models.region_classifier import Outputs, RegionClassifier
from detect.models.shared import SharedNetwork

if TYPE_CHECKING:
    import onnx

AnyExported = RegionClassifier | MultiBox | SharedNetwork


class Graph(nn.Module):
    """`network` made ready to evaluate, with the outputs `names` that its exported file has.

    Of crops (N, 3, S, S) uint8, RGB. A region classifier: logits (N, C+1), background last, and
    deltas (N, K, 4) if it moves boxes. MultiBox: boxes (N, K, 4), fractions of the crop, not
    clipped, and scores (N, K), 0 to 1. One trunk, of images (N, 3, H, W), boxes (R, 4) in fractions
    of them and places (R,), of which image each is: logits and deltas of the R regions, and
    proposals (N, K, 4) and scores (N, K) as MultiBox's of the images.
    """

    def __init__(self, network: AnyExported) -> None:
        super().__init__()
        self.network = prepare_for_inference(network).cpu()
        self.names = _names(network)

    def forward(self, seen: Tensor, *regions: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs, as many as `names`."""
        if isinstance(self.network, SharedNetwork):
            return _of_one_trunk(self.network, seen, *regions)
        found = self.network(seen)
        if isinstance(self.network, MultiBox):
            offsets, logits = found
            return self.network.decode(offsets), logits.sigmoid()
        if isinstance(found, Outputs):
            return cast(Tensor, found.logits), found.deltas
        return (found,)


def _of_one_trunk(
    network: SharedNetwork, images: Tensor, boxes: Tensor, places: Tensor
) -> tuple[Tensor, ...]:
    maps = network.trunk(images)
    found = network(network.regions(maps, boxes, places))
    offsets, logits = network.proposed(maps)
    return found.logits, found.deltas, network.decode(offsets), logits.sigmoid()


def _names(network: AnyExported) -> tuple[str, ...]:
    if isinstance(network, SharedNetwork):
        return "logits", "deltas", "proposals", "scores"
    if isinstance(network, MultiBox):
        return "boxes", "scores"
    return ("logits",) if network.regression is None else ("logits", "deltas")


def to_onnx(graph: Graph, card: ExportedCard) -> "onnx.ModelProto":
    """Return `graph` for what `card` says it sees, as many at a time as one likes.

    DetectError where torch or ONNX has no way to say what a network does.
    """
    inputs = made_inputs(card, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph.eval(),
                tuple(map(torch.from_numpy, inputs.values())),
                input_names=list(inputs),
                output_names=list(graph.names),
                dynamic_shapes=_free(list(inputs)),
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


def _free(names: Sequence[str]) -> Any:
    """Return what torch takes for the axes of any length of the inputs `names` of a Graph."""
    first, *rest = ({0: AXES[name]} for name in names)
    return (first, tuple(rest)) if rest else (first,)


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
