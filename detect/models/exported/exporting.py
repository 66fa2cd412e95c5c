"""From a network in PyTorch to an exported one, compared with it before anything is written."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from detect.errors import DetectError, option
from detect.models.exported.engines import RT_INFO, silent_openvino, start_engine
from detect.models.exported.files import Exported
from detect.models.exported.forms import ENGINES, Form, need_to_write
from detect.models.exported.graph import AnyExported, Graph, to_onnx
from detect.models.exported.inputs import ExportedCard
from detect.models.exported.metadata import metadata_of
from detect.models.exported.parity import Difference, compare

if TYPE_CHECKING:
    import onnx


def export_network(
    network: AnyExported,
    card: ExportedCard,
    model: str,
    form: Form,
) -> tuple[Exported, Difference]:
    """Return `network`, whose hash is `model`, in `form`, and how far it is from PyTorch's.

    EnvironmentProblem where a package is missing, DetectError where the network cannot be written
    so, or is another one then (parity.compare).
    """
    need_to_write(form)
    graph = Graph(network)
    metadata = metadata_of(card, model)
    onnx = to_onnx(graph, card)
    if form == "onnx":
        exported = _as_onnx(onnx, metadata)
    else:
        exported = _as_openvino(onnx, metadata, card.input_size)
    engine = start_engine(ENGINES[form], exported, "the exported network")
    # With a graph of its own: torch's export may leave traces of a network of timm's in the first.
    return exported, compare(Graph(network), engine, card)


def _as_onnx(model: "onnx.ModelProto", metadata: Mapping[str, str]) -> Exported:
    model.ClearField("metadata_props")
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    return Exported("onnx", model.SerializeToString(deterministic=True))


def _as_openvino(model: "onnx.ModelProto", metadata: Mapping[str, str], side: int) -> Exported:
    """Read the ONNX graph by OpenVINO and write it as its own.

    Not by its convert_model, which reports every use over the network.
    """
    openvino = silent_openvino()
    model.ClearField("metadata_props")
    try:
        read = openvino.Core().read_model(model.SerializeToString())
    except RuntimeError as error:
        reason = " ".join(str(error).partition("Summary")[0].split())[-200:]
        raise DetectError(
            f"OpenVINO cannot take over this network, of inputs of {side} px ({reason}). Maps "
            f"smaller than what is pooled are one reason: use ONNX Runtime, by "
            f"{option('to', 'onnx')} or {option('engine', 'onnxruntime')}, or a "
            "network of larger inputs. Nothing was written."
        ) from error
    for key, value in metadata.items():
        read.set_rt_info(value, [RT_INFO, key])
    with TemporaryDirectory() as folder:
        graph, weights = Path(folder) / "graph.xml", Path(folder) / "graph.bin"
        openvino.serialize(read, graph, weights)
        return Exported("openvino", graph.read_bytes(), weights.read_bytes())
