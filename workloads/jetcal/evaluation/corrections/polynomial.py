"""A polynomial through measured points, of no higher degree than their errors ask for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Fit:
    """A weighted least-squares fit.

    Attributes
    ----------
    coefficients
        Rising powers, shape (K,).
    replicas
        The same fit to each replica of the points, shape (B, K).
    chi2
        Sum of squared distances in units of the errors.
    degrees_of_freedom
        Points minus coefficients.
    """

    coefficients: NDArray[np.float64]
    replicas: NDArray[np.float64]
    chi2: float
    degrees_of_freedom: int


def fit(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    error: NDArray[np.float64],
    replicas: NDArray[np.float64],
    max_degree: int,
) -> Fit:
    """The polynomial whose degree has the smallest corrected Akaike information.

    AICc = chi2 + 2 K n / (n - K - 1) for K coefficients and n points (Hurvich and Tsai 1989): another coefficient must
    lower chi2 by more than noise would. Degrees with n < K + 2 are not tried, except the constant.

    Parameters
    ----------
    x, y, error
        Shape (n,), n > 0; errors above zero.
    replicas
        Shape (n, B): bootstrap replicas of ``y``; they are fitted with the degree and weights of ``y``.
    max_degree
        Highest degree that is tried.
    """
    best, lowest = _of_degree(x, y, error, replicas, 0), np.inf
    for degree in range(max_degree + 1):
        count, spare = degree + 1, len(x) - degree - 2
        if spare < 1:
            break
        tried = _of_degree(x, y, error, replicas, degree)
        information = tried.chi2 + 2 * count * len(x) / spare
        if information < lowest:
            best, lowest = tried, information
    return best


def _of_degree(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    error: NDArray[np.float64],
    replicas: NDArray[np.float64],
    degree: int,
) -> Fit:
    powers = np.vander(x, degree + 1, increasing=True)
    solve = np.linalg.pinv(powers / error[:, None])
    coefficients = solve @ (y / error)
    distance = (y - powers @ coefficients) / error
    return Fit(
        coefficients=coefficients,
        replicas=(solve @ (replicas / error[:, None])).T,
        chi2=float(distance @ distance),
        degrees_of_freedom=len(x) - degree - 1,
    )


def constant(value: float, replicas: int) -> Fit:
    """A number that was not fitted."""
    return Fit(np.array([value]), np.full((replicas, 1), value), 0.0, 0)
