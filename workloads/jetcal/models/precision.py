"""In which numbers the matrix products of a training are made; what is served and judged is always float32."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import torch

from jetcal.errors import JetcalError

VARIABLE = "JETCAL_PRECISION"
"""Environment variable that overrides the choice."""

_KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def training_type(device: torch.device) -> torch.dtype:
    """Type of the operands of a training's products: bfloat16 where the hardware multiplies it faster, else float32.

    Weights, sums of gradients and the optimiser stay float32 either way.

    Raises
    ------
    JetcalError
        If the environment asks for another type.
    """
    asked = os.environ.get(VARIABLE)
    if not asked:
        return torch.bfloat16 if is_quick_at_bfloat16(device.type) else torch.float32
    if asked not in _KINDS:
        error = f"{VARIABLE} is '{asked}'; it can be {' or '.join(_KINDS)}, or be left out"
        raise JetcalError(error)
    return _KINDS[asked]


def autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Where plain operations of a training make their products in ``training_type``, and everything else in float32."""
    kind = training_type(device)
    return nullcontext() if kind == torch.float32 else torch.autocast(device.type, kind)


@cache
def is_quick_at_bfloat16(device: str) -> bool:
    """Whether devices of this type multiply bfloat16 themselves."""
    if device == "cpu":
        # Other processors emulate bfloat16, slower than they multiply float32.
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return device == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
