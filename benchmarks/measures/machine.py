"""The machine's limits."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from benchmarks.machine import copy_rate, matmul_rate
from benchmarks.rows import Row


def measure(quick: bool) -> Iterator[Row]:  # noqa: ARG001, FBT001  # every measurement is asked the same
    """Memory bandwidth and matrix products of one core."""
    yield Row("machine: copy", "GB/s", copy_rate())
    yield Row("machine: matrix product, float32", "GFLOP/s", matmul_rate(torch.float32))
    yield Row("machine: matrix product, bfloat16", "GFLOP/s", matmul_rate(torch.bfloat16))
