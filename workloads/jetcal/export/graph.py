"""The network as an ONNX graph that answers with factors, at the operator set that a serving release can load."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping

import onnx
import onnx.checker
import torch
from torch import Tensor, nn

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, OUTPUTS
from jetcal.errors import JetcalError
from jetcal.export.ensemble import Ensemble
from jetcal.serving.signature import INPUTS, OUTPUT

OLDEST_BY_EXPORT = 18
"""Operator set from which on torch.export writes graphs; older ones, for old servers, come from its tracer."""

_REFUSALS = (
    torch.onnx.errors.OnnxExporterError,
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
)


class Factors(nn.Module):
    """A network or an ensemble whose answer is the factor pT_gen / pT_raw itself instead of its logarithm."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, constituents: Tensor, jet: Tensor) -> Tensor:
        """(N, P, 6) and (N, 6) -> (N, 3): median, 16 % and 84 % quantile of pT_gen / pT_raw.

        An ensemble adds a fourth column, the standard deviation of ln(pT_gen / pT_raw) over its members.
        """
        answer: Tensor = self.network(constituents, jet)
        if isinstance(self.network, Ensemble):
            return torch.cat([answer[:, : len(OUTPUTS)].exp(), answer[:, len(OUTPUTS) :]], dim=-1)
        return answer.exp()


def to_onnx(network: nn.Module, opset: int, ir: int, properties: Mapping[str, str]) -> onnx.ModelProto:
    """The network as a checked, self-contained ONNX model whose numbers of jets and of constituents are free.

    The same weights give the same bytes.

    Parameters
    ----------
    network
        (constituents, jet) -> logarithms of the quantiles; or an ``Ensemble``.
    opset, ir
        Operator set and file format that the reader can load.
    properties
        Stored with the model, for people and tools.

    Raises
    ------
    JetcalError
        If the network cannot be expressed in that operator set, or the file format is too old for it.
    """
    write = _export if opset >= OLDEST_BY_EXPORT else _trace
    factors = Factors(network).eval()
    try:
        model = write(factors, (torch.ones(3, 5, len(CONSTITUENT_COLUMNS)), torch.ones(3, len(JET_COLUMNS))), opset)
        _strip(model)
        model.ir_version = ir
        model.producer_name = "jetcal"
        onnx.helper.set_model_props(model, dict(sorted(properties.items())))
        onnx.checker.check_model(model, full_check=True)
    except _REFUSALS as e:
        message = f"the network cannot be written in ONNX operator set {opset} and IR {ir} ({e}): choose a newer Triton"
        raise JetcalError(message) from e
    if [operators.version for operators in model.opset_import] != [opset]:
        message = f"ONNX operator set {opset} was asked for, but the graph uses {list(model.opset_import)}"
        raise JetcalError(message)
    return model


def _export(network: nn.Module, example: tuple[Tensor, Tensor], opset: int) -> onnx.ModelProto:
    for noisy in ("torch.onnx", "onnxscript"):  # they tell of torchvision, and of constants that they leave unfolded
        logging.getLogger(noisy).setLevel(logging.ERROR)
    jets, constituents = torch.export.Dim("jets", min=1, max=2**20), torch.export.Dim("constituents", min=1, max=2**16)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)  # both inputs share the axis of the jets
        program = torch.onnx.export(
            network,
            example,
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            opset_version=opset,
            dynamic_shapes=({0: jets, 1: constituents}, {0: jets}),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        message = "torch.onnx.export gave no program"
        raise RuntimeError(message)
    model: onnx.ModelProto = program.model_proto
    return model


def _trace(network: nn.Module, example: tuple[Tensor, Tensor], opset: int) -> onnx.ModelProto:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # nothing else in torch writes these operator sets
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)  # an optimisation that it leaves out
        torch.onnx.export(
            network,
            example,
            buffer,  # type: ignore[arg-type]  # it takes open files too
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            opset_version=opset,
            dynamic_axes={"constituents": {0: "jets", 1: "constituents"}, "jet": {0: "jets"}, OUTPUT: {0: "jets"}},
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


def _strip(model: onnx.ModelProto) -> None:
    """Remove what tells of the exporting machine: paths of sources and traces."""
    graph = model.graph
    graph.doc_string = ""
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    if model.functions:
        message = "the exported graph has functions; jetcal serves plain operators"
        raise RuntimeError(message)
