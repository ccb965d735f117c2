"""Names of the exported model's inputs, output and parameters, as exporter, ONNX Runtime and Triton see them."""

from __future__ import annotations

INPUTS = ("constituents", "jet")
"""FP32 (N, P, 6), zero-padded, and FP32 (N, 6)."""

OUTPUT = "correction"
"""FP32 (N, 3): ``jetcal.data.jets.OUTPUTS``; of an ensemble (N, 4) with ``SPREAD``."""

SPREAD = "spread"
"""Standard deviation of ln(correction) over the members of an ensemble."""

REVISION = "revision"
"""Parameter of Triton's model configuration that holds the fingerprint of the export stage."""

VALIDITY = "validity"
"""Parameter of the model, and of Triton's configuration, that holds the range of the training's jets as JSON."""
