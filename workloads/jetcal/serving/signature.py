"""Names of the exported model's inputs, output and parameters, as exporter, ONNX Runtime and Triton see them."""

from __future__ import annotations

INPUTS = ("constituents", "jet")
"""FP32 (N, P, 6), zero-padded, and FP32 (N, 6)."""

OUTPUT = "correction"
"""FP32 (N, 3)."""

REVISION = "revision"
"""Parameter of Triton's model configuration that holds the fingerprint of the export stage."""
