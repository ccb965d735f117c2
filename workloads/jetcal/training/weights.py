"""How much each jet counts: the spectrum evened out, so that it is not learned, and the flavours balanced.

Everything is made of sums over all processes, so that every process has the same, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from jetcal.errors import JetcalError
from jetcal.evaluation.flavour import GROUPS, members
from jetcal.training.losses import MASK
from jetcal.training.peers import Peers
from jetcal.training.shares import Share
from jetcal_api.weights import FlavourShares, JetWeights

Doubles = NDArray[np.float64]
Columns = Mapping[str, NDArray[np.float32]]

MOST = 10.0
"""Largest weight. As weights are 1 on average, N jets count like N / ``MOST`` equal ones at least."""

_COLUMNS = ("gen_pt", "raw_pt", "eta", "flavour")
_FINE = 0.01
_LOG_PT_RANGE, _LOG_PT_BIN = (0.0, 10.0), 0.1
_ETA_RANGE, _ETA_BIN = (0.0, 5.5), 0.25


@dataclass(frozen=True)
class Axis:
    """Equal bins over the values that occur: ``count`` bins of ``width`` from ``low`` on."""

    low: float
    width: float
    count: int

    @classmethod
    def over(cls, occupied: Doubles, start: float, width: float) -> Axis:
        """Bins of about ``width`` over the occupied ones of fine bins that begin at ``start``."""
        first, last = np.flatnonzero(occupied)[[0, -1]]
        length = float(last + 1 - first) * _FINE
        count = max(1, round(length / width))
        return cls(start + float(first) * _FINE, length / count, count)

    def place(self, values: Doubles) -> NDArray[np.int64]:
        """Bin of each value (N,); the outer ones take what lies beyond."""
        return np.clip(((values - self.low) / self.width).astype(np.int64), 0, self.count - 1)

    def between(self, values: Doubles) -> tuple[NDArray[np.int64], NDArray[np.int64], Doubles]:
        """The bins whose centres enclose each value (N,), and how far it is from the first to the second."""
        position = np.clip((values - self.low) / self.width - 0.5, 0, self.count - 1)
        below = np.minimum(position.astype(np.int64), max(self.count - 2, 0))
        return below, np.minimum(below + 1, self.count - 1), position - below


@dataclass(frozen=True)
class Weights:
    """Weight of a jet by its generator pT, abs(eta) and flavour, 1 on average over the jets that count.

    Attributes
    ----------
    log_pt, eta
        Bins of ln(gen_pt / GeV) and abs(eta).
    spectrum
        (log_pt, eta): logarithm of the weight at the bins' centres, before scale and bound; linear in between.
    flavours
        (len(GROUPS) + 1, log_pt): factor of each flavour group in each bin of pT; the last one is for unknown flavour.
    scale
        Makes the bounded weights 1 on average.
    remarks
        Sentences for the log.
    """

    log_pt: Axis
    eta: Axis
    spectrum: Doubles
    flavours: Doubles
    scale: float = 1.0
    remarks: tuple[str, ...] = ()

    def __call__(self, jet: Columns) -> NDArray[np.float32]:
        """Weights (N,) of jets with the columns gen_pt (GeV), eta and flavour."""
        return np.minimum(self.scale * self.unbounded(jet), MOST).astype(np.float32)

    def unbounded(self, jet: Columns) -> Doubles:
        """Weights (N,) before scale and bound."""
        log_pt, eta = _places(jet)
        low, high, rise = self.log_pt.between(log_pt)
        near, far, across = self.eta.between(eta)
        table = self.spectrum
        at_low = table[low, near] * (1 - across) + table[low, far] * across
        at_high = table[high, near] * (1 - across) + table[high, far] * across
        factor: Doubles = self.flavours[_group(jet["flavour"]), self.log_pt.place(log_pt)]
        return factor * np.exp(at_low * (1 - rise) + at_high * rise)


def learn_weights(share: Share, spec: JetWeights, peers: Peers) -> Weights:
    """The weights that ``spec.model.jetWeights`` asks for.

    A network answers the question "which gen_pt, given what was measured", and its answer leans towards those gen_pt of
    which it has seen many. With the spectrum ``Flat`` weights are proportional to 1 / (density sigma), the density in
    ln(gen_pt) and abs(eta) and the resolution sigma of y in ln(gen_pt). The network then learns as if from the prior
    1 / sigma, for which the median of the answer is unbiased at fixed truth to first order (Welch and Peers 1963:
    Jeffreys' prior is the one that matches probabilities), and no abs(eta) counts more for being frequent.

    Flavour groups are brought to their shares in each bin of generator pT, which leaves the spectrum as it is. Jets of
    unknown flavour keep their weight. No weight exceeds ``MOST``.

    Parameters
    ----------
    share
        This process's training jets.
    spec
        What is wanted.
    peers
        All processes; each gets the same weights.

    Raises
    ------
    JetcalError
        If no jet has a weight above 0.
    """
    weights = _spectrum(share, peers, flat=spec.spectrum == "Flat")
    if spec.flavours:
        weights = _balanced(weights, share, spec.flavours, peers)
    return _bounded(weights, share, peers)


def _spectrum(share: Share, peers: Peers, *, flat: bool) -> Weights:
    log_pt, eta = _axes(share, peers)
    spectrum = np.zeros((log_pt.count, eta.count))
    if flat:
        cells = log_pt.count * eta.count
        moments = np.zeros((3, cells))
        for jet in share.columns(_COLUMNS):
            x, abs_eta = _places(jet)
            cell = log_pt.place(x) * eta.count + eta.place(abs_eta)
            y = np.clip(x - np.log(jet["raw_pt"]), -MASK, MASK)
            moments += [np.bincount(cell, y**power, cells) for power in range(3)]
        count, total, squares = _sum(moments, peers).reshape(3, log_pt.count, eta.count)
        within = squares - total**2 / np.maximum(count, 1)
        variance = _smooth(within.sum(1)) / np.maximum(_smooth(count.sum(1)), 1)
        sigma = np.sqrt(np.maximum(variance, 1e-4))
        density = np.maximum(_smooth(_smooth(count).T).T, 0.5)
        spectrum = -np.log(density * sigma[:, np.newaxis])
        spectrum -= spectrum[count > 0].mean()
    return Weights(log_pt, eta, spectrum, np.ones((len(GROUPS) + 1, log_pt.count)))


def _balanced(weights: Weights, share: Share, shares: FlavourShares, peers: Peers) -> Weights:
    """The weights with each flavour group at its share of every bin of pT."""
    bins = weights.log_pt.count
    found = np.zeros((len(GROUPS) + 1, bins))
    for jet in share.columns(_COLUMNS):
        place = _group(jet["flavour"]) * bins + weights.log_pt.place(_places(jet)[0])
        found += np.bincount(place, weights.unbounded(jet), found.size).reshape(found.shape)
    *groups, unknown = _sum(found, peers)
    given = np.array([getattr(shares, name) for name in GROUPS])
    there = np.array([group.any() for group in groups])
    if not unknown.any() and not (there & (given > 0)).any():
        wanted = " and ".join(name for name, value in zip(GROUPS, given, strict=True) if value)
        has = " and ".join(name for name, any_ in zip(GROUPS, there, strict=True) if any_)
        error = (
            f"no training jet has a weight above 0: spec.model.jetWeights.flavours counts {wanted} only and the "
            f"training jets are {has}; give one of those a share"
        )
        raise JetcalError(error)
    amount = np.stack([_smooth(group) for group in groups])
    wanted_share = given[:, np.newaxis] * (amount > 0)
    wanted_share /= np.maximum(wanted_share.sum(0), 1e-12)
    factor = wanted_share * amount.sum(0) / np.maximum(amount, 1e-12)
    remarks = tuple(
        f"there is no training jet of flavour {name}: its share goes to the others"
        for name, value, any_ in zip(GROUPS, given, there, strict=True)
        if value and not any_
    )
    return replace(weights, flavours=np.vstack([factor, np.ones(bins)]), remarks=remarks)


def _bounded(weights: Weights, share: Share, peers: Peers) -> Weights:
    """The weights with the scale for which they are 1 on average, and what was cut off is spread over the others."""
    raw = [weights.unbounded(jet).astype(np.float32) for jet in share.columns(_COLUMNS)]
    scale = 0.0
    for _ in range(20):  # each pass finds all that the scale before puts above the bound; few are ever needed
        sums = np.zeros(3)
        for own in raw:
            above = scale * own > MOST
            sums += (np.count_nonzero(own), np.count_nonzero(above), own[~above].sum(dtype=np.float64))
        jets, most, rest = _sum(sums, peers)
        if rest <= 0:
            break
        scale = (jets - MOST * most) / rest
    squares = sum(float((np.minimum(scale * own, MOST).astype(np.float64) ** 2).sum()) for own in raw)
    effective = jets**2 / float(_sum(np.array([squares]), peers)[0])
    remark = (
        f"{jets:.0f} weighted training jets count like {effective:.0f} equal ones; {most / jets:.1%} have the largest "
        f"weight, {MOST:g}"
    )
    return replace(weights, scale=scale, remarks=(*weights.remarks, remark))


def _axes(share: Share, peers: Peers) -> tuple[Axis, Axis]:
    """Bins over the generator pT and abs(eta) that occur in any process."""
    ranges = (_LOG_PT_RANGE, _ETA_RANGE)
    occupied = [np.zeros(round((high - low) / _FINE)) for low, high in ranges]
    for jet in share.columns(_COLUMNS):
        for axis, (values, (low, _)) in enumerate(zip(_places(jet), ranges, strict=True)):
            bins = len(occupied[axis])
            place = np.clip(((values - low) / _FINE).astype(np.int64), 0, bins - 1)
            occupied[axis] += np.bincount(place, minlength=bins)
    log_pt, eta = (_sum(bins, peers) for bins in occupied)
    return Axis.over(log_pt, _LOG_PT_RANGE[0], _LOG_PT_BIN), Axis.over(eta, _ETA_RANGE[0], _ETA_BIN)


def _places(jet: Columns) -> tuple[Doubles, Doubles]:
    """ln(gen_pt / GeV) and abs(eta) of each jet."""
    return np.log(jet["gen_pt"].astype(np.float64)), np.abs(jet["eta"].astype(np.float64))


def _group(flavour: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number of each jet's flavour group; ``len(GROUPS)`` where it is unknown."""
    return np.select([members(flavour, name) for name in GROUPS], range(len(GROUPS)), len(GROUPS))


def _sum(values: Doubles, peers: Peers) -> Doubles:
    total: Doubles = peers.sum(torch.from_numpy(values)).numpy()
    return total


def _smooth(counts: Doubles) -> Doubles:
    """Weighted mean with both neighbours along the first axis; the ends are repeated."""
    padded = np.concatenate([counts[:1], counts, counts[-1:]])
    return 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
