"""Losses on y = ln(pT_gen / pT_raw), one value a jet.

A prediction (N, 3) holds centre, lower and upper quantile. With every loss but the Gaussian one the outer two are
fitted by the quantile loss; the losses differ in what draws the centre.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import huber_loss, softplus

from jetcal_api.spec import Loss

LOW, HIGH = 0.16, 0.84
"""Quantiles of the outer outputs: one standard deviation of a Gaussian on either side."""
SOFTNESS = 0.02
"""Distance from the centre at which Huber and log-cosh turn from quadratic to linear. Well below the spread of y, which
is 0.04 for the hardest jets, so that they draw the centre to the median, by which the closure of a calibration is
judged, not to the mean."""
MASK = 1.0
"""abs(y) from which the masked error disregards a jet: a correction beyond a factor e is a wrong match."""


def pinball(prediction: Tensor, y: Tensor, quantile: float) -> Tensor:
    """max(q (y - p), (q - 1) (y - p)): least on average where p is the q-quantile of y (Koenker, Bassett 1978)."""
    excess = y - prediction
    return torch.maximum(quantile * excess, (quantile - 1) * excess)


def log_cosh(residual: Tensor) -> Tensor:
    """S ln(cosh(r / s)) with s = ``SOFTNESS``, in a form that does not overflow."""
    scaled = residual.abs() / SOFTNESS
    return SOFTNESS * (scaled + softplus(-2 * scaled) - math.log(2))


def quantile_pair(prediction: Tensor, y: Tensor) -> Tensor:
    """Quantile loss of both outer outputs; it moves the centre too."""
    return pinball(prediction[:, 1], y, LOW) + pinball(prediction[:, 2], y, HIGH)


def quantile_widths(prediction: Tensor, y: Tensor) -> Tensor:
    """Quantile loss of both outer outputs that leaves the centre to the loss beside it."""
    centre = prediction[:, :1]
    return quantile_pair(prediction - centre + centre.detach(), y)


def masked_mae(prediction: Tensor, y: Tensor) -> Tensor:
    """abs(y - p) where abs(y) < 1, else 0."""
    kept = (y.abs() < MASK).to(y.dtype)
    return kept * ((y - prediction[:, 0]).abs() + quantile_widths(prediction, y))


def huber(prediction: Tensor, y: Tensor) -> Tensor:
    """Huber's loss, divided by its turning point so that it grows like the absolute error."""
    central = huber_loss(prediction[:, 0], y, reduction="none", delta=SOFTNESS) / SOFTNESS
    return central + quantile_widths(prediction, y)


def log_cosh_centre(prediction: Tensor, y: Tensor) -> Tensor:
    """Log-cosh of the centre; the outer outputs follow."""
    return log_cosh(y - prediction[:, 0]) + quantile_widths(prediction, y)


def log_cosh_quantiles(prediction: Tensor, y: Tensor) -> Tensor:
    """Log-cosh of the centre and quantile losses, fitted together."""
    return log_cosh(y - prediction[:, 0]) + quantile_pair(prediction, y)


def gaussian_nll(prediction: Tensor, y: Tensor) -> Tensor:
    """((y - m) / s)^2 / 2 + ln(s), with mean m and s = upper output - m."""
    sigma = prediction[:, 2] - prediction[:, 0]
    return ((y - prediction[:, 0]) / sigma) ** 2 / 2 + sigma.log()


LOSSES: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "MaskedMAE": masked_mae,
    "Huber": huber,
    "LogCosh": log_cosh_centre,
    "LogCoshQuantiles": log_cosh_quantiles,
    "GaussianNLL": gaussian_nll,
}
"""Loss of each jet (N,) from prediction (N, 3) and y (N,)."""
