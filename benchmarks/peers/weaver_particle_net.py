"""weaver-core's ParticleNet with the blocks of the published size."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from weaver.nn.model.ParticleNet import ParticleNet

BLOCKS, LAYERS, WIDTH, NEIGHBOURS = 3, 3, 50, 16
HEAD, DROPOUT = (200, 200, 200), 0.0116


def network(features: int) -> nn.Module:
    """Answers points (N, 2, P), features (N, F, P) and mask (N, 1, P) with (N, 1); it has no features of the jet.

    As in a long training it shortens the padding to the jets that come; it does not in its first steps, which are
    taken here with jets of one constituent.
    """
    convolutions = [(NEIGHBOURS, (WIDTH,) * LAYERS)] * BLOCKS
    made: nn.Module = ParticleNet(
        features, 1, conv_params=convolutions, fc_params=[(width, DROPOUT) for width in HEAD], use_fusion=False
    )
    trimmer = cast("Any", made.trimmer)  # nn.Module forgets what it holds
    for _ in range(trimmer.warmup_steps):
        trimmer(torch.zeros(1, 2, 1))
    return made
