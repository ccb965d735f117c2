"""Layers that the networks share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def linear(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that ReLU follows, with He's initialisation (arXiv:1502.01852)."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


class Perceptron(nn.Module):
    """Linear layers, each followed by ReLU; acts on the last axis.

    Parameters
    ----------
    inputs
        Width of the input.
    width
        Width of each layer.
    layers
        Number of layers.
    """

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(width if layer else inputs, width) for layer in range(layers))

    @property
    def linear(self) -> list[nn.Linear]:
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]

    def forward(self, rows: Tensor) -> Tensor:
        """(..., inputs) -> (..., width)."""
        if self.training and self.layers and onednn_is_faster(rows):
            hidden = rows.flatten(0, -2).to_mkldnn()
            for layer in self.layers:
                hidden = torch.relu_(layer(hidden))
            return hidden.to_dense().reshape(*rows.shape[:-1], -1)
        for layer in self.layers:
            rows = torch.relu(layer(rows))
        return rows


def onednn_is_faster(rows: Tensor) -> bool:
    """Whether the matrix products of ``rows`` should be left to oneDNN.

    Its products on a CPU are up to twice as fast as those of the default library where that library does not use the
    widest vectors. They enter training only: an exported network must be made of plain operations.
    """
    usable: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return usable and rows.device.type == "cpu" and rows.numel() > 0
