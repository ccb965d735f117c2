"""A trained published network as files for a comparison: ONNX, the mapping of its inputs, how it was trained."""

from __future__ import annotations

import io
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import onnx
import torch
from benchmarks.published.course import Course
from benchmarks.published.networks import CONSTITUENT_FEATURES, JET_FEATURES, SLOTS, ParticleNet

from jetcal.storage import local

OPSET = 17

MAPPING = """\
# The inputs of the published networks in terms of jetcal's columns; docs/comparing.md explains the words.
inputs:
{points}  pf_features:
    of: constituents
    features:
      - log(pt)
      - log(pt / standard_pt)
      - deta
      - dphi
      - arctan2(dphi, deta)
      - sqrt(deta * deta + dphi * dphi)
    layout: features-first
    slots: {slots}
  pf_mask:
    of: mask
    layout: features-first
    slots: {slots}
  jet_features:
    of: jet
    features:
      - log(standard_pt)
      - eta
      - "0"
      - raw_mass * standard_pt / raw_pt
      - area
      - pt_dispersion
      - axis2
      - qg_multiplicity
output:
  name: output
  kind: log-correction
  relativeTo: standard_pt
"""
POINTS = """\
  pf_points:
    of: constituents
    features: [deta, dphi]
    layout: features-first
    slots: {slots}
"""


def write(course: Course, folder: Path, train: int, validation: int, constant: float) -> None:
    """Write model.onnx with the best epoch's weights, mapping.yaml and training.json.

    Parameters
    ----------
    course
        The finished training.
    folder
        Where to.
    train, validation
        Numbers of jets.
    constant
        Validation loss of the best constant.
    """
    course.network.load_state_dict(course.best)
    network = course.network.eval()
    local.write_bytes(folder / "model.onnx", to_onnx(network).SerializeToString())
    local.write_bytes(folder / "mapping.yaml", mapping(network).encode())
    seconds = sum(each["seconds"] for each in course.history)
    report = {
        **asdict(course.plan),
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "jets": {"train": train, "validation": validation},
        "epochs": len(course.history),
        "best_epoch": course.best_epoch,
        "validation_loss": course.history[course.best_epoch - 1]["validation_loss"],
        "constant_validation_loss": constant,
        "processor_seconds": seconds,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "history": course.history,
    }
    local.write_bytes(folder / "training.json", (json.dumps(report, indent=1) + "\n").encode())


def mapping(network: torch.nn.Module) -> str:
    """How ``jetcal evaluate`` fills the network's inputs."""
    points = POINTS if isinstance(network, ParticleNet) else ""
    return MAPPING.format(points=points.format(slots=SLOTS), slots=SLOTS)


def to_onnx(network: torch.nn.Module) -> onnx.ModelProto:
    """The network as a checked ONNX model for any number of jets."""
    jets = 3
    features, mask = torch.ones(jets, CONSTITUENT_FEATURES, SLOTS), torch.ones(jets, 1, SLOTS)
    example = {"pf_features": features, "pf_mask": mask, "jet_features": torch.ones(jets, JET_FEATURES)}
    if isinstance(network, ParticleNet):
        example = {"pf_points": features[:, :2], **example}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer tells of its own age and of constants that it leaves unfolded
        torch.onnx.export(
            network,
            tuple(example.values()),
            buffer,  # type: ignore[arg-type]  # it takes open files too
            input_names=list(example),
            output_names=["output"],
            opset_version=OPSET,
            dynamic_axes={name: {0: "jets"} for name in (*example, "output")},
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    onnx.checker.check_model(model, full_check=True)
    return model
