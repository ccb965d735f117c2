"""Networks made elsewhere: a mapping fills their inputs from our columns and reads their answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.support.exports import SPECS, fitted
from tests.support.toys import toy_jets

from jetcal.data.jets import CONSTITUENT_COLUMNS, JET_COLUMNS, Jets
from jetcal.errors import JetcalError
from jetcal.evaluation.comparison import foreign_mapping
from jetcal.evaluation.comparison.derived import derived
from jetcal.evaluation.comparison.foreign import ForeignModel
from jetcal.export.graph import to_onnx
from jetcal.serving.inference import OnnxModel

SUMMED = """
inputs:
  particles: {of: constituents, features: [pt, pt / raw_pt], slots: 2}
  there: {of: mask, layout: slots, slots: 2}
  whole: {of: jet, features: [raw_pt, "1"]}
output: {kind: factor}
"""


def write_summing_model(path: Path, *, kind: int = TensorProto.FLOAT, outputs: int = 1, jets: str | int = "N") -> Path:
    """Answers with sum(pt / raw_pt over the slots) + 10 * (slots that are filled) + 1000 * 1, in every column."""
    ones = numpy_helper.from_array(np.array([[0.0], [1000.0]], np.float32), "pick")
    tens = numpy_helper.from_array(np.array(10.0, np.float32), "ten")
    row = numpy_helper.from_array(np.ones((1, outputs), np.float32), "row")
    axes = numpy_helper.from_array(np.array([1], np.int64), "axes")
    second = numpy_helper.from_array(np.array(1, np.int64), "second")
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["particles", "second"], ["share"], axis=1),
            helper.make_node("ReduceSum", ["share", "axes"], ["shares"], keepdims=1),
            helper.make_node("Cast", ["there"], ["filled"], to=TensorProto.FLOAT),
            helper.make_node("ReduceSum", ["filled", "axes"], ["count"], keepdims=1),
            helper.make_node("Mul", ["count", "ten"], ["tens"]),
            helper.make_node("MatMul", ["whole", "pick"], ["thousand"]),
            helper.make_node("Sum", ["shares", "tens", "thousand"], ["one"]),
            helper.make_node("MatMul", ["one", "row"], ["answer"]),
        ],
        "summing",
        [
            helper.make_tensor_value_info("particles", TensorProto.FLOAT, [jets, 2, 2]),
            helper.make_tensor_value_info("there", kind, [jets, 2]),
            helper.make_tensor_value_info("whole", TensorProto.FLOAT, [jets, 2]),
        ],
        [helper.make_tensor_value_info("answer", TensorProto.FLOAT, [jets, outputs])],
        [ones, tens, row, axes, second],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def mapping(folder: Path, text: str) -> foreign_mapping.Mapping:
    path = folder / "mapping.yaml"
    path.write_text(text)
    return foreign_mapping.read(path)


def three_jets() -> Jets:
    """Jets of 3, 1 and 0 constituents."""
    jet = {name: np.full(3, 1.0, np.float32) for name in JET_COLUMNS}
    jet |= {"raw_pt": np.array([40, 20, 10], np.float32), "standard_pt": np.array([80, 40, 20], np.float32)}
    constituents = {name: np.zeros(4, np.float32) for name in CONSTITUENT_COLUMNS}
    constituents |= {"pt": np.array([20, 12, 8, 5], np.float32), "id": np.array([211, 22, -211, 130], np.float32)}
    return Jets(jet=jet, constituents=constituents, offsets=np.array([0, 3, 4, 4]))


@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64])
def test_slots_are_filled_cut_and_masked_by_hand(tmp_path: Path, kind: int) -> None:
    model = ForeignModel(write_summing_model(tmp_path / "m.onnx", kind=kind), mapping(tmp_path, SUMMED))
    expected = [1000 + 20 + (20 + 12) / 40, 1000 + 10 + 5 / 20, 1000]
    np.testing.assert_allclose(model.predict(three_jets()), np.stack([expected] * 3, 1), rtol=1e-6)


def test_only_the_constituents_that_are_asked_for_enter(tmp_path: Path) -> None:
    charged = SUMMED.replace("slots: 2}", 'slots: 2, where: "abs(id) == 211"}')
    model = ForeignModel(write_summing_model(tmp_path / "m.onnx"), mapping(tmp_path, charged))
    expected = [1000 + 20 + (20 + 8) / 40, 1000, 1000]
    np.testing.assert_allclose(model.predict(three_jets())[:, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("{kind: factor, relativeTo: standard_pt}", lambda x: 2 * x),
        ("{kind: log-correction}", np.exp),
        ("{kind: log-correction, relativeTo: standard_pt}", lambda x: 2 * np.exp(x)),
        ("{kind: pt}", lambda x: x / np.array([40, 20, 10])),
    ],
)
def test_an_answer_becomes_a_factor_on_the_raw_pt(tmp_path: Path, output: str, expected) -> None:
    text = SUMMED.replace("{kind: factor}", output).replace('"1"', '"0"').replace("slots: 2}", "slots: 2, padding: 0}")
    model = ForeignModel(write_summing_model(tmp_path / "m.onnx"), mapping(tmp_path, text))
    answers = np.array([20 + 32 / 40, 10 + 5 / 20, 0])
    np.testing.assert_allclose(model.predict(three_jets())[:, 0], expected(answers), rtol=1e-5)


def test_our_own_network_through_a_mapping_gives_our_own_numbers(tmp_path: Path) -> None:
    jets = toy_jets(300, seed=5)  # more than a batch
    path = tmp_path / "model.onnx"
    path.write_bytes(to_onnx(fitted(SPECS["pfn"], jets), 17, 8, {}).SerializeToString())
    text = f"""
inputs:
  constituents: {{of: constituents, features: [{", ".join(CONSTITUENT_COLUMNS)}], layout: slots-first}}
  jet: {{of: jet, features: [{", ".join(JET_COLUMNS)}]}}
output: {{name: correction, kind: factor, down: 1, up: 2}}
"""
    found = ForeignModel(path, mapping(tmp_path, text), threads=1).predict(jets)
    np.testing.assert_allclose(found, OnnxModel(path, threads=1).predict(jets)[:, :3], rtol=1e-5)
    assert len(np.unique(found, axis=1)[0]) == 3


def test_derived_columns_by_hand() -> None:
    jets = three_jets()
    jets.constituents["deta"][:3] = [0.1, -0.1, 0.0]
    jets.constituents["pt"][2] = 0.5  # charged: it counts although it is soft
    found = derived(jets)
    np.testing.assert_array_equal(found["multiplicity"], [3, 1, 0])
    np.testing.assert_array_equal(found["qg_multiplicity"], [3, 1, 0])
    np.testing.assert_allclose(found["pt_dispersion"], [np.sqrt(400 + 144 + 0.25) / 32.5, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(found["axis2"], [0, 0, 0], atol=1e-8)  # all on a line
    jets.constituents["dphi"][:3] = [0.0, 0.0, 1.0]
    jets.constituents["pt"][:3] = [1, 1, 1]
    # moments about the mean: deta 2/300, dphi 2/9, and nothing mixed; the smaller one's root is the minor axis
    assert derived(jets)["axis2"][0] == pytest.approx(np.sqrt(0.02 / 3), rel=1e-5)
    jets.constituents["id"][:3] = [22, 22, 22]
    jets.constituents["pt"][2] = 0.9
    assert derived(jets)["qg_multiplicity"][0] == 0  # neutral, and none above 1 GeV


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("pt / raw_pt", "pt / jet_pt"), "inputs.particles: 'pt / jet_pt': our jets have no jet_pt; there are pt, "),
        (("[raw_pt,", "[deta,"), "inputs.whole: 'deta': our jets have no deta; there are raw_pt, "),
        (("pt / raw_pt", "import os"), "inputs.particles: 'import os' is no formula: "),
        (("of: mask", "of: mask, features: [pt]"), "inputs.there: a mask has no features"),
        (("features: [pt, pt / raw_pt]", "features: []"), "inputs.particles: features are missing"),
        (("of: jet,", "of: jet, slots: 3,"), "inputs.whole: layout, slots, where and padding are for constituents"),
        (
            ("raw_pt], slots", "raw_pt], layout: slots, slots"),
            "inputs.particles: layout slots has room for one feature",
        ),
        (("of: mask", "of: nothing"), "inputs.there.of: Input should be 'constituents', 'jet' or 'mask'"),
        (("{kind: factor}", "{kind: factor, down: 1}"), "output: down and up come together"),
        (("{kind: factor}", "{kinds: factor}"), "output.kind: Field required"),
        (("inputs:", "inputs: ]"), "mapping.yaml:2: is no YAML: "),
    ],
)
def test_a_bad_mapping_is_one_sentence(tmp_path: Path, change: tuple[str, str], sentence: str) -> None:
    with pytest.raises(JetcalError) as caught:
        mapping(tmp_path, SUMMED.replace(*change))
    assert str(caught.value).startswith(f"{tmp_path}/mapping.yaml")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (('  whole: {of: jet, features: [raw_pt, "1"]}\n', ""), "the mapping has no input whole of shape (any, 2)"),
        (("whole:", "hole:"), "the mapping has no input whole of shape (any, 2)"),
        (("output:", "  more: {of: mask}\noutput:"), "has no input more; it has particles, there, whole"),
        (("slots: 2}", "slots: 3}"), "input particles has the shape (any, 2, 2), the mapping makes (any, 2, 3)"),
        (("layout: slots, slots: 2", "slots: 2"), "input there has the shape (any, 2), the mapping makes (any, 1, 2)"),
        (("{kind: factor}", "{kind: factor, name: nn}"), "has no output nn; it has answer"),
    ],
)
def test_a_mapping_that_does_not_fit_the_network_says_where(tmp_path: Path, change, sentence: str) -> None:
    path = write_summing_model(tmp_path / "m.onnx")
    with pytest.raises(JetcalError, match=r"m\.onnx: ") as caught:
        ForeignModel(path, mapping(tmp_path, SUMMED.replace(*change)))
    assert sentence in str(caught.value)


def test_a_quantile_that_the_network_does_not_give_is_named(tmp_path: Path) -> None:
    text = SUMMED.replace("{kind: factor}", "{kind: factor, down: 1, up: 2}")
    model = ForeignModel(write_summing_model(tmp_path / "m.onnx", outputs=2), mapping(tmp_path, text))
    with pytest.raises(JetcalError, match="output answer has no column 2, only 2"):
        model.predict(three_jets())


def test_a_network_for_one_jet_at_a_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JetcalError, match=r"has the shape \(1, 2, 2\), the mapping makes \(any, 2, 2\)"):
        ForeignModel(write_summing_model(tmp_path / "m.onnx", jets=1), mapping(tmp_path, SUMMED))


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nothing")
    with pytest.raises(JetcalError, match=r"m\.onnx is no model that ONNX Runtime"):
        ForeignModel(tmp_path / "m.onnx", mapping(tmp_path, SUMMED))
