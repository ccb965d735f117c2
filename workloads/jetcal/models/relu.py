"""ReLU in training: joined to the product before it, and by the bits of its numbers."""

from __future__ import annotations

import torch
from torch import Tensor

_BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


def linear_relu(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """ReLU(rows weight^T + bias): where there is oneDNN, in one pass, else in two or three."""
    if rows.device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        answer: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "relu", [], "")  # noqa: SLF001  # what torch.compile makes of the same
        return answer
    return torch.nn.functional.linear(rows, weight, bias).relu_()


def relu_(values: Tensor) -> None:
    """In place: a float is negative where the whole number of the same bits is, and those are compared faster."""
    values.view(_BITS[values.dtype]).clamp_(min=0)


def through_relu(output: Tensor, gradient: Tensor) -> Tensor:
    """``gradient`` where ``output`` of a ReLU is above zero, else 0; by bits, as above."""
    return _masked(output.view(_BITS[output.dtype]).clamp(max=1), gradient)


def through_relu_(output: Tensor, gradient: Tensor) -> Tensor:
    """The same in the place of ``output``."""
    return _masked(output.view(_BITS[output.dtype]).clamp_(max=1), gradient)


def _masked(kept: Tensor, gradient: Tensor) -> Tensor:
    return kept.mul_(gradient.view(kept.dtype)).view(gradient.dtype)
