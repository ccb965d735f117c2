"""A device beside the CPU for machines without a GPU: its tensors say that they are there and hold their numbers here.

It enforces what CUDA does: an operation takes tensors of one device (single numbers may come from the CPU), results
stay where they were made, and only a copy crosses. It knows nothing of CUDA's kernels, rounding and streams.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")
"""A device that torch knows on every machine, and that holds no numbers of its own."""
_COPY = torch.ops.aten.copy_.default


class DevicesMixedError(RuntimeError):
    """An operation was given tensors of both devices."""


class _There(Tensor):
    """A tensor on ``DEVICE``; ``held`` has its numbers."""

    @staticmethod
    def __new__(cls, held):
        return Tensor._make_wrapper_subclass(  # noqa: SLF001  # torch's way to make tensors that only seem to be somewhere
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )

    def __init__(self, held):
        self.held = held

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner, _meta, _size, _stride):
        return _There(inner["held"])

    @classmethod
    def __torch_dispatch__(cls, operation, _types, given=(), named=None):
        return _compute(operation, given, named or {})

    def tolist(self):
        return self.held.tolist()


class _Everything(TorchDispatchMode):
    def __torch_dispatch__(self, operation, _types, given=(), named=None):
        return _compute(operation, given, named or {})


@contextmanager
def elsewhere() -> Iterator[torch.device]:
    """Give out ``DEVICE``, which can be computed on."""
    with _Everything():
        yield DEVICE


def _compute(operation, given, named):
    tensors = [value for value in tree_leaves((given, named)) if isinstance(value, Tensor)]
    there = any(isinstance(tensor, _There) for tensor in tensors)
    if there and operation is not _COPY:
        _refuse_mixed(operation, tensors)
    asked = named.get("device")
    if asked is not None:
        named = named | {"device": torch.device("cpu")}
    result = operation(*tree_map(_here, given), **tree_map(_here, named))
    stays = isinstance(given[0], _There) if operation is _COPY else there
    if not (stays if asked is None else torch.device(asked) == DEVICE):
        return result
    result = tree_map(lambda value: _There(value) if isinstance(value, Tensor) else value, result)
    return return_and_correct_aliasing(operation, given, named, result) if there else result


def _refuse_mixed(operation, tensors):
    strangers = [tuple(tensor.shape) for tensor in tensors if not isinstance(tensor, _There) and tensor.dim()]
    if strangers:
        message = f"{operation}: of its tensors those of shape {strangers} are on the CPU, others on {DEVICE}"
        raise DevicesMixedError(message)


def _here(value):
    return value.held if isinstance(value, _There) else value
