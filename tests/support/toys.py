"""Toy jets with a known response: fast to make, and a network can learn what they hide."""

from __future__ import annotations

import numpy as np

from jetcal.data.jets import Jets


def toy_jets(count: int, seed: int = 1, mean_constituents: float = 20.0) -> Jets:
    """Jets whose response depends on the charged fraction, on flavour and on rho, with 10 % noise.

    Jets are ordered as drawn; the constituents of each fall in pT and sum to raw_pt.
    """
    rng = np.random.default_rng(seed)
    gen_pt = np.exp(rng.uniform(np.log(25), np.log(1000), count))
    eta = rng.uniform(-2.4, 2.4, count)
    flavour = rng.choice([1, 2, 3, 4, 5, 21], count, p=[0.15, 0.15, 0.1, 0.05, 0.05, 0.5])
    rho = rng.uniform(5, 35, count)
    lengths = 1 + rng.poisson(mean_constituents * np.where(flavour == 21, 1.3, 1.0))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    jet_of = np.repeat(np.arange(count), lengths)
    charged = rng.random(offsets[-1]) < 0.6
    weight = rng.exponential(1.0, offsets[-1])
    total = np.bincount(jet_of, weight, count)
    charged_share = np.bincount(jet_of, weight * charged, count) / total
    response = (0.75 + 0.2 * charged_share) * (1 + 0.002 * (rho - 20)) * rng.normal(1, 0.1, count).clip(0.5, 1.5)
    raw_pt = gen_pt * response
    pt = weight / total[jet_of] * raw_pt[jet_of]
    order = np.lexsort((-pt, jet_of))
    pdg = np.where(charged, 211, np.where(rng.random(offsets[-1]) < 0.7, 22, 130))
    spread = rng.normal(0, 0.12, (2, offsets[-1]))
    constituents = {
        "pt": pt,
        "deta": spread[0],
        "dphi": spread[1],
        "mass": np.where(charged, 0.1396, 0.0),
        "id": pdg,
        "from_pv": np.where(charged, 3, 1),
    }
    jet = {
        "raw_pt": raw_pt,
        "eta": eta,
        "raw_mass": 0.15 * raw_pt,
        "area": rng.normal(0.5, 0.02, count),
        "rho": rho,
        "n_vertices": rng.poisson(20, count),
        "gen_pt": gen_pt,
        "standard_pt": raw_pt / 0.87,
        "flavour": flavour,
    }
    return Jets(
        jet={name: column.astype(np.float32) for name, column in jet.items()},
        constituents={name: column[order].astype(np.float32) for name, column in constituents.items()},
        offsets=offsets,
    )
