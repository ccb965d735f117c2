"""Networks made elsewhere, as ONNX files whose inputs a mapping fills from our columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jetcal.data import formula
from jetcal.data.columns import Column, repeated
from jetcal.data.jets import OUTPUTS, Jets, positions, take
from jetcal.errors import JetcalError
from jetcal.evaluation.comparison.derived import derived
from jetcal.evaluation.comparison.foreign_mapping import Input, Mapping
from jetcal.serving.sessions import open_session

BATCH = 256
"""Jets at a time: a graph network with 100 slots and 16 neighbours needs 100 MB for so many."""

_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


class ForeignModel:
    """A network made elsewhere, ready to answer.

    Parameters
    ----------
    path
        The ONNX file.
    mapping
        How its inputs and its output follow from our columns.
    threads
        Threads of one operator; the runtime's own choice when left out.

    Raises
    ------
    JetcalError
        If the file cannot be loaded, or the mapping does not fit its inputs and outputs.
    """

    def __init__(self, path: Path, mapping: Mapping, threads: int | None = None) -> None:
        self._session = open_session(path, threads)
        self.path = path
        self.mapping = mapping
        self._types = {node.name: _checked(path, node, mapping) for node in self._session.get_inputs()}
        if unknown := set(mapping.inputs) - set(self._types):
            message = f"{path}: has no input {', '.join(sorted(unknown))}; it has {', '.join(self._types)}"
            raise JetcalError(message)
        self._output = _output(path, [node.name for node in self._session.get_outputs()], mapping.output.name)

    def predict(self, jets: Jets) -> NDArray[np.float32]:
        """Factors pT_gen / pT_raw of each jet.

        Returns
        -------
        float32 of shape (N, 3)
            Median, 16 % and 84 % quantile, in the order of ``jets``; the median three times without quantiles.

        Raises
        ------
        JetcalError
            If the network fails, or its answer lacks a column.
        """
        answer = np.empty((len(jets), len(OUTPUTS)), np.float32)
        order = np.argsort(np.diff(jets.offsets), kind="stable")  # like with like, where slots are as many as needed
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            answer[rows] = self._answer(take(jets, rows))
        return answer

    def tensors(self, jets: Jets) -> dict[str, NDArray[Any]]:
        """The network's inputs for all ``jets``, by name."""
        arrays = _columns(jets)
        return {
            name: _tensor(each, jets, arrays).astype(self._types[name]) for name, each in self.mapping.inputs.items()
        }

    def _answer(self, jets: Jets) -> NDArray[np.float64]:
        try:
            found = self._session.run([self._output], self.tensors(jets))[0]
        except Exception as error:  # whatever one of its operators raises
            message = f"{self.path}: cannot answer: {str(error).strip().splitlines()[0]}"
            raise JetcalError(message) from error
        values = np.asarray(found, np.float64).reshape(len(jets), -1)
        output = self.mapping.output
        if max(output.columns) >= values.shape[1]:
            message = f"{self.path}: output {self._output} has no column {max(output.columns)}, only {values.shape[1]}"
            raise JetcalError(message)
        values = values[:, output.columns]
        if output.kind == "pt":
            return values / jets.jet["raw_pt"][:, None]
        with np.errstate(over="ignore"):
            factors = np.exp(values) if output.kind == "log-correction" else values
        return factors * (jets.jet[output.relative_to] / jets.jet["raw_pt"])[:, None]


def _columns(jets: Jets) -> dict[str, Column]:
    return {
        **{name: Column(values) for name, values in (jets.jet | derived(jets)).items()},
        **{name: Column(values, jets.offsets) for name, values in jets.constituents.items()},
    }


def _tensor(wanted: Input, jets: Jets, arrays: dict[str, Column]) -> NDArray[np.float64]:
    if wanted.of == "jet":
        per_jet = [np.broadcast_to(formula.evaluate(text, arrays).values, len(jets)) for text in wanted.features]
        return np.stack(per_jet, axis=1, dtype=np.float64)
    chosen = np.arange(jets.offsets[-1])
    offsets = jets.offsets
    if wanted.where is not None:
        inside = repeated(formula.evaluate(wanted.where, arrays), offsets) != 0
        chosen, offsets = np.flatnonzero(inside), np.concatenate([[0], np.cumsum(inside)])[offsets]
    counts = np.diff(offsets)
    slots = wanted.slots or max(int(counts.max(initial=0)), 1)
    kept = np.minimum(counts, slots)
    source = chosen[positions(offsets[:-1], kept)]
    target = positions(np.arange(len(jets)) * slots, kept)
    features = [repeated(formula.evaluate(text, arrays), jets.offsets) for text in wanted.features]
    rows = np.full((len(jets) * slots, len(features) or 1), wanted.padding)
    if wanted.of == "mask":
        rows[target] = 1.0
    for column, values in enumerate(features):
        rows[target, column] = values[source]
    dense = rows.reshape(len(jets), slots, -1)
    return {"slots-first": dense, "features-first": dense.transpose(0, 2, 1), "slots": dense[:, :, 0]}[wanted.layout]


def _checked(path: Path, node: Any, mapping: Mapping) -> type[np.generic]:
    if node.name not in mapping.inputs:
        message = f"{path}: the mapping has no input {node.name} of shape {_shape(node.shape)}"
        raise JetcalError(message)
    if node.type not in _TYPES:
        message = f"{path}: input {node.name} is a {node.type}; a mapping can fill {', '.join(_TYPES)}"
        raise JetcalError(message)
    mapped = mapping.inputs[node.name].shape
    same = len(mapped) == len(node.shape) and all(
        not isinstance(theirs, int) or theirs == ours for ours, theirs in zip(mapped, node.shape, strict=True)
    )
    if not same:
        message = f"{path}: input {node.name} has the shape {_shape(node.shape)}, the mapping makes {_shape(mapped)}"
        raise JetcalError(message)
    return _TYPES[node.type]


def _shape(dimensions: Sequence[Any]) -> str:
    names: Iterator[str] = (str(each) if isinstance(each, int) else "any" for each in dimensions)
    return f"({', '.join(names)})"


def _output(path: Path, there: list[str], wanted: str | None) -> str:
    if wanted is None and len(there) == 1:
        return there[0]
    if wanted in there:
        return str(wanted)
    problem = f"has no output {wanted}" if wanted else "has more than one output, name one in output.name"
    message = f"{path}: {problem}; it has {', '.join(there)}"
    raise JetcalError(message)
